// What a broker looks like from outside: for operators' tools, transcripts and the simulator.
// Value types; copies of the state at one moment between steps.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/core/command.h"
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
  uint64_t body_bytes = 0;
};

struct QueueView {
  storage::QueueId id;
  std::string virtual_host;
  std::string name;
  storage::QueueOptions options;  // those that count
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

// ---- Walks in parts ----
//
// A walk over what may be many goes on part by part, so that nobody waits for it: whoever walks
// hands in how far it came, "" or 0 at the start, until `done`. What comes and goes between two
// parts may be missed; what stays is found exactly once.

template <typename Item, typename Place>
struct Part {
  std::vector<Item> items;
  Place last{};       // the walk has come that far
  bool done = false;  // there is nothing behind it
};

struct PartLimits {
  size_t items = 1'000;
  size_t looks = 2'000;  // at what the filter may leave out
};

// Which ones are asked for, by virtual host and name.
using HostFilter = std::function<bool(const std::string& virtual_host)>;
using NameFilter = std::function<bool(const std::string& virtual_host, const std::string& name)>;
// By virtual host, and the names of source and destination.
using BindingFilter = std::function<bool(const std::string& virtual_host, const std::string& source,
                                         const std::string& destination)>;

// Order: by name.
struct VirtualHostFigures {
  std::string name;
  uint64_t queues = 0;
  uint64_t exchanges = 0;  // with the default exchange
  uint64_t streams = 0;
  storage::VirtualHostLimits limits;
  uint64_t ready = 0;
  uint64_t delayed = 0;
  uint64_t unsettled = 0;
};

// Order: as they were made. The default exchange isn't among them.
struct ExchangeView {
  storage::ExchangeId id;
  std::string virtual_host;
  std::string name;
  storage::ExchangeOptions options;
  std::optional<storage::ExchangeOptions> effective;  // if a policy changes them
  std::string policy;                                 // the one that counts; "": none does
  uint64_t bindings = 0;                              // as source
};

// Order: as they were made.
struct QueueDetails {
  QueueFigures figures;
  storage::QueueOptions options;                   // as declared
  std::optional<storage::QueueOptions> effective;  // if a policy changes them
  std::string policy;                              // the one that counts; "": none does
};

// Order: by virtual host and name.
struct PolicyPlace {
  std::string virtual_host;
  std::string name;
};

// Order: by source, as the exchanges were made, then as they were made.
struct BindingPlace {
  storage::ExchangeId source;
  storage::BindingId binding;  // 0: before its first one
};
struct BindingView {
  std::string virtual_host;
  BindingSpec binding;
};

// Order: as they came.
struct ConsumerView {
  ConsumerId id;
  std::string virtual_host;
  std::string queue;
  std::string name;
  Prefetch prefetch;
  uint64_t unsettled = 0;
  bool auto_ack = false;
  bool exclusive = false;
};

// A place among the entries of a queue: the ready ones in order of delivery, then the delayed ones as
// they are due, then the unsettled ones, consumer by consumer, leases last, as they were delivered.
// What the numbers mean is the place's; both 0 is before the first.
struct EntryMark {
  EntryPlace place = EntryPlace::kReady;
  uint64_t major = 0;
  uint64_t minor = 0;
};

// ---- Routes ----

// By a binding, or as the alternate exchange of the one before.
struct RouteStep {
  std::optional<BindingSpec> binding;
  std::string alternate_exchange;
};

struct Route {
  std::string queue;
  std::vector<RouteStep> steps;  // the shortest way there; none by the default exchange
  absl::Status refusal;          // why the queue would refuse the message now; OK if it wouldn't
};

struct RouteExplanation {
  static constexpr size_t kRoutesMax = 1'000;

  std::vector<Route> routes;  // by queue; the first kRoutesMax of them
  uint64_t queues = 0;        // all of them
  std::string unroutable;     // if there is none: why
};

}  // namespace warren::core
