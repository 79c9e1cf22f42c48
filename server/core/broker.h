// The broker as a pure state machine: Step(now, command) -> effects. Steps 2 to 5 and 9 of a
// message's life.
//
// Time comes in with each step and deadlines go out (NextDeadline); records for the journal are
// taken out as batches (TakeBatch) and reported back when durable (command Durable). The same
// commands at the same times give the same effects and records, byte for byte, so a log of them
// replays a run: tests, transcripts, the simulator and recovery run the code that ships.
// (Learnt from etcd raft's RawNode/Ready and RabbitMQ's rabbit_fifo.)
//
// Thread safety: none; broker thread only.
//
// Invariants:
// 1. An effect that promises durability is emitted only after Durable of the batch it rests on.
// 2. The records of one step are in one batch.
// 3. Each published message is answered by exactly one Confirmed while its publisher is open.
// 4. Conservation: published copies = ready + delayed + unsettled + settled + dead-lettered +
//    dropped, always.
// 5. No more than its prefetch is unsettled at a consumer (but one message may exceed the bytes).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/core/command.h"
#include "server/core/effect.h"
#include "server/core/histogram.h"
#include "server/core/inspection.h"
#include "server/core/paging.h"
#include "storage/record.h"

namespace warren::core {

struct BrokerOptions {
  // Seeds what is random in the broker: names it makes, jitter of retries.
  uint64_t seed = 0;
  // A producer id that published nothing for so long is forgotten, with its last sequence.
  int64_t producer_expiry_ms = int64_t{7} * 24 * 3600 * 1000;
  // A declaration that would make more queues than this is refused; those recovered all come back.
  uint64_t max_queues = 10'000'000;
  // Things that time, or the deletion of a virtual host, does in one step, at most: a queue of
  // millions that expires all at once must not hold up everybody else. What is left is done by the
  // next tick, which is due at once. At least 2, since a timer that goes off is one.
  int timed_per_step = 1'000;
  // While Usage::memory_bytes is above this, messages that aren't needed soon leave memory. 0: never.
  uint64_t page_out_above_bytes = 0;
  // What is kept in memory ahead of a queue's consumers, in messages and in bytes of their bodies.
  // Fetching takes some milliseconds; so many small messages are delivered in about ten.
  uint32_t page_window_messages = 2'048;
  uint64_t page_window_bytes = uint64_t{8} << 20;
};

// Sums over the whole broker, kept up to date by each step; O(1) to read. "Messages" are copies:
// one a queue; their bytes are those of bodies.
struct Usage {
  // What is there now.
  uint64_t ready_messages = 0;
  uint64_t ready_bytes = 0;
  uint64_t delayed_messages = 0;
  uint64_t delayed_bytes = 0;
  uint64_t unsettled_messages = 0;
  uint64_t unsettled_bytes = 0;
  uint64_t held_messages = 0;  // published by transactions that aren't durable yet
  uint64_t dying_messages = 0;  // on their way to a dead-letter exchange, by way of memory
  uint64_t memory_bytes = 0;  // about what messages and their entries in queues take
  uint64_t paged_messages = 0;  // whose content is in the spill; each counts once
  uint64_t pending_records = 0;     // not yet taken by TakeBatch
  uint64_t pending_messages = 0;    // of these, messages
  uint64_t pending_body_bytes = 0;  // their bodies
  uint64_t in_flight_batches = 0;   // taken, not yet durable
  uint64_t queues = 0;
  uint64_t exchanges = 0;
  uint64_t bindings = 0;
  uint64_t consumers = 0;
  uint64_t publishers = 0;

  // What has happened since the start; these only grow.
  uint64_t recovered_total = 0;      // found in the journal
  uint64_t enqueued_total = 0;       // joined a queue, by publishing or dead-lettering
  uint64_t routed_total = 0;         // published messages for which there was a queue
  uint64_t unroutable_total = 0;     // published messages that no queue would get
  uint64_t returned_total = 0;       // of these, mandatory ones
  uint64_t delivered_total = 0;      // handed to consumers and Get
  uint64_t pushed_auto_total = 0;    // of these, to consumers that don't acknowledge
  uint64_t pulled_total = 0;         // of these, by Get
  uint64_t pulled_auto_total = 0;    // of those, acknowledged by the same call
  uint64_t redelivered_total = 0;    // delivered with `redelivered` set
  uint64_t acked_total = 0;          // left a queue settled
  uint64_t requeued_total = 0;       // came back
  uint64_t settled_requeue_total = 0;  // settled so by a word, or by a consumer's or lease's end
  uint64_t settled_reject_total = 0;   // settled so by a word
  uint64_t settled_retry_total = 0;    // settled so by a word
  uint64_t expired_total = 0;        // left by reason of time
  uint64_t rejected_total = 0;       // left by a consumer's word
  uint64_t overflowed_total = 0;     // left because the queue was full
  uint64_t exhausted_total = 0;      // left because they were delivered too often
  uint64_t removed_total = 0;        // purged, cancelled, or gone with their queue
  uint64_t purged_total = 0;         // of these, purged
  uint64_t cancelled_total = 0;      // of these, delayed ones that were cancelled
  uint64_t moved_total = 0;          // left for another queue by MoveMessages
  DeathCounts dropped;               // left, and no dead-letter exchange was asked for
  uint64_t dead_lettered_total = 0;  // of those that left, how many went to an exchange
  DeathCounts dead_lettered;             // the same, by reason
  uint64_t dead_letters_lost_total = 0;  // of these, how many no queue took
  uint64_t queues_declared_total = 0;  // asked for with options, and found or made
  uint64_t queues_created_total = 0;   // of these, made
  uint64_t queues_deleted_total = 0;   // by a call, their expiry or their last consumer's end

  // Since the start, too.
  BytesHistogram message_bytes;   // bodies of published messages
  MillisHistogram wait_ms;        // from being ready to delivery
  MillisHistogram settle_ms;      // from delivery to settlement
  MillisHistogram lateness_ms;    // of delayed messages, behind the time at which they were due
};

class Broker {
 public:
  explicit Broker(BrokerOptions options);
  ~Broker();
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  // ---- Recovery: any number of Restore, then FinishRecovery, then steps. In between, page work
  // may be carried out and reported (Step with Paged) as it comes up. ----

  // Takes one live record, in the order in which Journal::Recover yields them.
  // DATA_LOSS if it contradicts what came before (such as a binding of an unknown queue).
  absl::Status Restore(storage::Record record, int64_t now_ms);
  // Declares virtual host "/" and the predeclared exchanges if they aren't there; expires and
  // delivers nothing before the first step.
  void FinishRecovery(int64_t now_ms);

  // ---- Running ----

  // Appends to `effects`. `now_ms` is milliseconds since the Unix epoch; if it is less than in an
  // earlier step, that one's counts (time never runs backwards in here).
  void Step(int64_t now_ms, Command command, Effects& effects);

  // When the next Tick is due at the latest; none if nothing waits for time.
  std::optional<int64_t> NextDeadline() const;

  // Whether TakeBatch would give something.
  bool HasPendingRecords() const;
  // The records since the last call; messages that have come and gone meanwhile are left out.
  // The batch must be made durable, and Durable be reported, in order.
  // REQUIRES: HasPendingRecords().
  storage::Batch TakeBatch();

  // Whether TakePageWork would give something.
  bool HasPageWork() const;
  // Messages that are to leave memory or come back, since the last call; see paging.h.
  PageWork TakePageWork();

  const Usage& usage() const;

  // Up to `max` queues, those with the ids that follow `after`. O(log queues + max).
  std::vector<QueueFigures> MeasureQueues(storage::QueueId after, size_t max) const;
  // Goes on with a walk over all queues by up to `max` of them. O(log queues + max).
  void Survey(QueueSurvey& survey, size_t max) const;

  // Parts of walks over what there is; see Part. Each in O(log all + limits).
  Part<VirtualHostFigures, std::string> WalkVirtualHosts(const std::string& after,
                                                         PartLimits limits,
                                                         const HostFilter& filter) const;
  Part<ExchangeView, storage::ExchangeId> WalkExchanges(storage::ExchangeId after,
                                                        PartLimits limits,
                                                        const NameFilter& filter) const;
  Part<QueueDetails, storage::QueueId> WalkQueues(storage::QueueId after, PartLimits limits,
                                                  const NameFilter& filter) const;
  Part<BindingView, BindingPlace> WalkBindings(BindingPlace after, PartLimits limits,
                                               const BindingFilter& filter) const;
  Part<storage::Policy, PolicyPlace> WalkPolicies(PolicyPlace after, PartLimits limits,
                                                  const NameFilter& filter) const;
  Part<ConsumerView, ConsumerId> WalkConsumers(ConsumerId after, PartLimits limits,
                                               const NameFilter& filter) const;

  // NOT_FOUND if there is no such virtual host or queue. An exclusive queue is found, too.
  absl::StatusOr<storage::QueueId> FindQueue(const std::string& virtual_host,
                                             const std::string& queue) const;
  // Up to `max` entries of a queue behind this place; none if there is no such queue. Of ready,
  // delayed and unsettled ones the first kPeekDepth can be seen. O(kPeekDepth + max).
  Part<EntryView, EntryMark> Peek(storage::QueueId queue, EntryMark after,
                                  std::optional<EntryPlace> only, size_t max) const;
  static constexpr size_t kPeekDepth = 100'000;

  // Where a message would get to, by the router's very walk. NOT_FOUND if there is no such virtual
  // host or exchange. O(matching bindings).
  absl::StatusOr<RouteExplanation> ExplainRoute(const std::string& virtual_host,
                                                const std::string& exchange,
                                                std::string_view routing_key,
                                                const storage::Headers& headers) const;

  // What is declared or set under a name, until the next step; null if nothing is. O(1), or the logarithm of
  // the virtual hosts.
  bool HasVirtualHost(const std::string& name) const;
  const storage::VirtualHostLimits* LimitsOf(const std::string& virtual_host) const;
  const storage::ExchangeOptions* ExchangeOptionsOf(const std::string& virtual_host,
                                                    const std::string& name) const;
  const storage::QueueOptions* QueueOptionsOf(const std::string& virtual_host,
                                              const std::string& name) const;
  const storage::Policy* PolicyOf(const std::string& virtual_host, const std::string& name) const;
  // One with the same ends, key and arguments.
  bool HasBinding(const std::string& virtual_host, const BindingSpec& binding) const;

  // Users that PutUser made, by name.
  const std::map<std::string, storage::User>& users() const;

  // All queues, by id. O(queues).
  std::vector<QueueView> ListQueues() const;
  // The entries of a queue: the ready ones in order of delivery, the delayed ones as they come due,
  // the unsettled ones as they were delivered, the held ones; none if there is no such queue.
  // O(entries).
  std::vector<EntryView> ListEntries(storage::QueueId queue) const;

  // Walks all state and checks the invariants that hold between steps; WARREN_CHECKs them.
  void CheckInvariants() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace warren::core
