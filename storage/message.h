// A message as it is queued, stored and delivered.
//
// Immutable once the broker has accepted it: the routing core, the streams that deliver it and the
// journal's thread hold the same object. What differs from queue to queue (delivery count, due
// time, …) stands beside it, in core::Entry and in EntryFacts of the records.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage/ref_ptr.h"
#include "storage/shared_string.h"
#include "storage/value.h"

namespace warren::storage {

// Properties that the broker carries, and mostly doesn't look at. Rare enough to live apart, so
// that a bare message stays small.
struct Properties {
  std::string message_id;  // read by deduplication windows
  std::string correlation_id;
  std::string reply_to;
  std::string type;
  std::string app_id;
  std::string user_id;
  std::string content_type;
  std::string content_encoding;
  std::optional<int64_t> timestamp_ms;
  Headers headers;  // read by headers exchanges

  bool operator==(const Properties&) const = default;
};

enum class DeathReason : uint8_t { kRejected = 1, kExpired = 2, kMaxlen = 3, kDeliveryLimit = 4 };

// One {queue, reason} of a message's death history.
struct Death {
  std::string queue;
  DeathReason reason = DeathReason::kRejected;
  uint64_t count = 0;
  int64_t first_at_ms = 0;
  std::string exchange;
  std::vector<std::string> routing_keys;
  std::optional<int64_t> original_expiration_ms;

  bool operator==(const Death&) const = default;
};

// Newest first. The first death ever is kept aside since its entry moves when it recurs.
struct DeathHistory {
  std::vector<Death> deaths;
  std::string first_death_queue;
  std::string first_death_exchange;
  DeathReason first_death_reason = DeathReason::kRejected;

  bool operator==(const DeathHistory&) const = default;
};

struct Message : RefCounted {
  // Here they fill what the count leaves of its eight bytes.
  uint8_t priority = 0;
  bool persistent = false;
  SharedString exchange;
  SharedString routing_key;
  SharedString body;
  // Milliseconds since the Unix epoch, by the broker's clock; never runs backwards from one
  // message to the next.
  int64_t published_at_ms = 0;
  std::optional<int64_t> expiration_ms;
  std::unique_ptr<const Properties> properties;  // null: all unset
  std::unique_ptr<const DeathHistory> deaths;    // null: never dead-lettered

  const Headers& headers() const {
    static const Headers kNone;
    return properties ? properties->headers : kNone;
  }
};

static_assert(sizeof(Message) == 72, "millions of these wait in memory");

using MessagePtr = RefPtr<const Message>;

// About how much memory it takes, in bytes: body, names, properties, headers and history, with what
// the allocator adds. For limits, not for accounts: shared parts count each time.
size_t MemoryOf(const Message& message);

// Same content, wherever the two objects live.
bool SameMessage(const Message& a, const Message& b);

}  // namespace warren::storage
