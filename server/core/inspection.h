// What a broker looks like from outside: for operators' tools, transcripts and the simulator.
// Value types; copies of the state at one moment between steps.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "storage/ids.h"
#include "storage/message.h"
#include "storage/options.h"

namespace warren::core {

enum class EntryPlace : uint8_t { kHeld, kDelayed, kReady, kUnsettled, kDying };

struct EntryView {
  storage::MessageId message_id;
  storage::MessagePtr message;  // null while its content is out of memory
  EntryPlace place = EntryPlace::kReady;
  int64_t expires_at_ms = 0;  // 0 is never
  int64_t due_at_ms = 0;      // delayed ones only
  uint32_t delivery_count = 0;
  bool durable = false;      // the journal has it, or is about to
  bool redelivered = false;  // its next delivery will say so
};

struct QueueView {
  storage::QueueId id;
  std::string virtual_host;
  std::string name;
  storage::QueueOptions options;
  uint64_t ready = 0;
  uint64_t ready_bytes = 0;
  uint64_t delayed = 0;
  uint64_t unsettled = 0;
  uint64_t held = 0;
  uint64_t dying = 0;
  uint64_t consumers = 0;
};

// Sums by why a message left its queue.
class DeathCounts {
 public:
  uint64_t& operator[](storage::DeathReason reason) { return counts_[static_cast<size_t>(reason)]; }
  uint64_t operator[](storage::DeathReason reason) const {
    return counts_[static_cast<size_t>(reason)];
  }

 private:
  std::array<uint64_t, 5> counts_{};  // its values are 1 to 4
};

// What has happened to the messages of one queue since it was made, or the broker started.
struct QueueTally {
  uint64_t published = 0;  // joined it, dead letters of others included
  uint64_t delivered = 0;
  uint64_t redelivered = 0;  // of these, with `redelivered` set
  // Deliveries that ended, by the consumer's word; the end of a consumer or lease requeues.
  uint64_t acked = 0;
  uint64_t requeued = 0;
  uint64_t rejected = 0;
  uint64_t retried = 0;
  DeathCounts dead_lettered;  // went to its dead-letter exchange
};

// One queue in numbers.
struct QueueFigures {
  storage::QueueId id;
  std::string virtual_host;
  std::string name;
  uint64_t ready = 0;
  uint64_t ready_bytes = 0;
  uint64_t delayed = 0;
  uint64_t delayed_bytes = 0;
  uint64_t unsettled = 0;
  uint64_t unsettled_bytes = 0;
  uint64_t consumers = 0;
  std::optional<int64_t> head_ready_since_ms;  // of the message that is next; none without one
  QueueTally tally;
};

// What only a walk over all queues tells, taken in parts so that nobody has to wait for it.
struct QueueSurvey {
  storage::QueueId last;  // the walk has come that far
  bool done = false;
  uint64_t nonempty_without_consumers = 0;
  std::optional<int64_t> oldest_head_since_ms;  // ready since then; none if all queues are empty
};

}  // namespace warren::core
