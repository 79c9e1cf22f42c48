// The broker's state and the handlers of its commands; inside of broker.h.
//
// One class, since a step may touch everything; one file an idea: topology.cc, publishing.cc,
// delivery.cc, consuming.cc, settling.cc, transactions.cc, dead_lettering.cc, policing.cc, paging.cc,
// lookup.cc, recovery.cc, invariants.cc, and broker.cc for the step itself and time.
//
// A step is: the handler; then, until nothing is left, dead letters find their queues and what the
// ledger has released is carried out.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "server/core/broker.h"
#include "server/core/ledger.h"
#include "server/core/router.h"
#include "server/core/slab.h"
#include "server/core/virtual_host.h"

namespace warren::core {

class Broker::Impl {
 public:
  explicit Impl(BrokerOptions options) : options_(options), random_(options.seed) {}
  ~Impl();

  // recovery.cc
  absl::Status Restore(storage::Record record, int64_t now_ms);
  void FinishRecovery(int64_t now_ms);

  // broker.cc
  void Step(int64_t now_ms, Command command, Effects& effects);
  std::optional<int64_t> NextDeadline() const { return timers_.Next(); }
  Ledger& ledger() { return ledger_; }
  bool HasPageWork() const { return !page_work_.empty(); }
  PageWork TakePageWork() { return std::exchange(page_work_, {}); }
  const Usage& usage();
  const std::map<std::string, storage::User>& users() const { return users_; }

  // inspection.cc
  std::vector<QueueFigures> MeasureQueues(storage::QueueId after, size_t max) const;
  void Survey(QueueSurvey& survey, size_t max) const;
  std::vector<QueueView> ListQueues() const;
  std::vector<EntryView> ListEntries(storage::QueueId id) const;

  // walks.cc
  Part<VirtualHostFigures, std::string> WalkVirtualHosts(const std::string& after,
                                                         PartLimits limits,
                                                         const HostFilter& filter) const;
  Part<ExchangeView, storage::ExchangeId> WalkExchanges(storage::ExchangeId after,
                                                        PartLimits limits,
                                                        const NameFilter& filter) const;
  Part<QueueDetails, storage::QueueId> WalkQueues(storage::QueueId after, PartLimits limits,
                                                  const NameFilter& filter) const;
  Part<storage::Policy, PolicyPlace> WalkPolicies(PolicyPlace after, PartLimits limits,
                                                  const NameFilter& filter) const;
  Part<BindingView, BindingPlace> WalkBindings(BindingPlace after, PartLimits limits,
                                               const BindingFilter& filter) const;
  Part<ConsumerView, ConsumerId> WalkConsumers(ConsumerId after, PartLimits limits,
                                               const NameFilter& filter) const;

  // inspection.cc
  absl::StatusOr<storage::QueueId> FindQueueId(const std::string& virtual_host,
                                               const std::string& queue) const;
  Part<EntryView, EntryMark> Peek(storage::QueueId id, EntryMark after,
                                  std::optional<EntryPlace> only, size_t max) const;
  absl::StatusOr<RouteExplanation> ExplainRoute(const std::string& virtual_host,
                                                const std::string& exchange,
                                                std::string_view routing_key,
                                                const storage::Headers& headers);

  // lookup.cc
  // Null for one that is being deleted, too.
  VirtualHost* FindVirtualHost(const std::string& name) const;

  // invariants.cc
  void CheckInvariants() const;

 private:
  struct Publisher {
    PublisherId id;
    VirtualHost* virtual_host = nullptr;
    Producer* producer = nullptr;  // none without a producer id
    bool is_stream = false;
  };
  struct Lease {
    Queue* queue = nullptr;
    Entry* entry = nullptr;
    int64_t until_ms = 0;
    OwnerId owner;
    TimerState timer;
  };
  // A delivery that is being settled: who holds it is either a consumer or a lease.
  struct Held {
    Queue* queue = nullptr;
    Entry* entry = nullptr;
    Consumer* consumer = nullptr;  // null: leased
  };

  // ---- The step (broker.cc) ----
  void CarryOut(Waiting waiting);
  // Streams may have gone while their answers waited.
  bool HasReceiver(const Effect& effect) const;
  void FinishStep();
  void Emit(Effect effect) { out_->push_back(std::move(effect)); }
  void Confirm(PublisherId publisher, uint64_t first, uint64_t last, Outcome outcome);
  void FlushConfirms();
  void Handle(Tick&) {}  // every step looks at the timers
  void Handle(Durable& c) { ledger_.Durable(c.lsn); }
  void Handle(BeginShutdown&);
  void Handle(FinishShutdown&);
  void RunTimers();
  void RemoveIdleExchanges();
  void RunQueueTimer(Queue& queue);
  void SetQueueTimer(Queue& queue);
  void RunExchangeTimer(Exchange& exchange);
  void RunProducersTimer();
  uint64_t NextId();
  // 0 if that is still to come.
  uint64_t MillisSince(int64_t then_ms) const {
    return then_ms < now_ms_ ? static_cast<uint64_t>(now_ms_ - then_ms) : 0;
  }
  std::string MakeName(std::string_view prefix);
  // The answer to a call. A success waits until all that it may rest on is durable.
  void Reply(RequestId request, absl::Status status, decltype(Replied::result) result = {});

  // ---- Topology (topology.cc) ----
  void Handle(DeclareVirtualHost&);
  void Handle(DeclareExchange&);
  void Handle(DeleteExchange&);
  void Handle(DeclareQueue&);
  void Handle(DeleteQueue&);
  void Handle(PurgeQueue&);
  void Handle(Bind&);
  void Handle(Unbind&);
  VirtualHost& AddVirtualHost(const std::string& name);
  void DeclarePredeclared(VirtualHost& host);
  absl::StatusOr<VirtualHost*> GetVirtualHost(const std::string& name) const;
  // `user`: the consumer that asks, none for calls. FAILED_PRECONDITION if the queue is another
  // stream's.
  absl::StatusOr<Queue*> GetQueue(const std::string& virtual_host, const std::string& name,
                                  ConsumerId user = {});
  absl::Status Declare(const DeclareExchange& c);
  absl::StatusOr<Queue*> Declare(VirtualHost& host, const std::string& name,
                                 const std::optional<storage::QueueOptions>& options,
                                 ConsumerId owner);
  absl::Status Delete(const DeleteExchange& c);
  absl::StatusOr<uint64_t> Delete(const DeleteQueue& c);
  absl::Status Add(VirtualHost& host, const BindingSpec& spec, ConsumerId user);
  absl::StatusOr<Binding*> Find(VirtualHost& host, const BindingSpec& spec, ConsumerId user,
                                Binding& like);
  Exchange& AddExchange(VirtualHost& host, storage::ExchangeId id, const std::string& name,
                        const storage::ExchangeOptions& options);
  Queue& AddQueue(VirtualHost& host, storage::QueueId id, const std::string& name,
                  const storage::QueueOptions& options);
  void RemoveBinding(Binding& binding);
  void RemoveExchange(Exchange& exchange);
  void RemoveQueue(Queue& queue, std::string_view why);

  // Answers one whose queue was deleted while it waited.
  void RefuseGet(const Get& c);

  // ---- By operators (moving.cc) ----
  void Handle(MoveMessages&);
  void Handle(CancelScheduledMessages&);
  absl::Status FindEnds(const MoveMessages& c, Queue** source, Queue** destination);
  // The entry, ready in `from`, joins the tail of `to` as a message of its own.
  void Move(Queue& from, Entry& entry, Queue& to);
  // When the message itself would expire, whatever its queues say; 0: never.
  static int64_t OwnExpiryMs(const Queue& queue, const Entry& entry);

  // ---- Deletion of virtual hosts (host_deletion.cc) ----
  struct Deletion {
    VirtualHost* host = nullptr;
    storage::QueueId queue;        // all up to this one have been looked at
    storage::ExchangeId exchange;  // the same
  };
  void Handle(DeleteVirtualHost&);
  void ClosePublishersOf(const VirtualHost& host);
  void BeginDeletion(VirtualHost& host);
  void RunDeletionsTimer();
  // Each as far as this step's budget goes; true: all of it.
  bool RemoveQueuesOf(Deletion& deletion);
  bool RemoveWaiting(Queue& queue);
  bool RemoveExchangesOf(Deletion& deletion);
  bool ForgetProducersOf(const Deletion& deletion);
  void FinishDeletion(VirtualHost& host);

  // ---- Policies (policing.cc) ----
  struct PolicyChange {
    VirtualHost* host = nullptr;
    storage::QueueId queue;        // all up to this one go by the policies as they are now
    storage::ExchangeId exchange;  // the same
    std::vector<RequestId> asked;
  };
  void Handle(PutPolicy&);
  void Handle(DeletePolicy&);
  void BeginPolicyChange(VirtualHost& host, RequestId request);
  void RunPoliciesTimer();
  // As far as this step's budget goes; true: all of it.
  bool FollowPolicies(PolicyChange& change);
  bool FollowPolicies(Queue& queue);
  bool Shrink(Queue& queue);
  // The host is being deleted: nobody is answered by its changes any more, but by this.
  void AbandonPolicyChange(const VirtualHost& host, const absl::Status& status);

  // ---- Limits of virtual hosts (host_limits.cc) ----
  void Handle(SetVirtualHostLimits&);
  // RESOURCE_EXHAUSTED if the host has no room for one more queue or stream, or for such a body.
  static absl::Status CheckQueueLimit(const VirtualHost& host);
  static absl::Status CheckStreamLimit(const VirtualHost& host);
  static absl::Status CheckBodyLimit(const VirtualHost& host, const storage::Message& message);

  // ---- Users (users.cc) ----
  void Handle(PutUser&);
  void Handle(DeleteUser&);
  void Handle(SetPermissions&);
  void Handle(ClearPermissions&);
  // Nobody may enter it any more.
  void ClearPermissionsIn(const std::string& virtual_host);
  void Changed(const storage::User& user);

  // ---- Publishing (publishing.cc) ----
  void Handle(OpenPublisher&);
  void Handle(Publish&);
  void Handle(ClosePublisher&);
  void RemovePublisher(Publisher& publisher);
  void PublishOne(Publisher& publisher, uint64_t sequence, Publication& publication);
  void Refuse(Publisher& publisher, uint64_t sequence, absl::Status error);
  // What became of this sequence, if the producer has used it.
  enum class Sequence : uint8_t { kNew, kTaken, kRefused };
  static Sequence Find(const Producer& producer, uint64_t sequence);
  // REQUIRES: it is new.
  void Advance(Producer& producer, uint64_t sequence);
  absl::StatusOr<Exchange*> FindTarget(VirtualHost& host, const storage::Message& message);
  int64_t DueAt(const Exchange* exchange, const Publication& publication) const;
  bool IsRepeat(const std::optional<MessageIdWindow>& seen, const storage::Message& message) const;
  // Enters the message's id, if it has one, into a window; `record` names the window's owner, which
  // is durable or not. Until when the id is seen then; 0: nothing was entered.
  int64_t Remember(std::optional<MessageIdWindow>& seen, const storage::Message& message,
                   bool durable, storage::MessageIdSeen record);
  // Whether the window is durable, and the id was entered.
  bool MarkSeen(Exchange& exchange, const storage::Message& message);
  bool MarkSeen(Queue& queue, const storage::Message& message);
  // What became of a message on its way into queues.
  struct Admission {
    std::vector<Queue*> queues;  // that take it; the others had its message id, or refused
    absl::Status refusal;        // of the first queue that was full
  };
  // Who of `routed` takes it; a refused copy is dead-lettered where the queue says so.
  Admission Admit(const std::vector<Queue*>& routed, const storage::MessagePtr& message,
                  int64_t due_at_ms);
  // It is over a limit with that many more.
  absl::Status QueueFull(const Queue& queue, uint64_t extra_messages) const;
  struct Arrival {
    int64_t due_at_ms = 0;  // 0: at once
    bool resent = false;    // as in Publication
  };
  // Puts it into the queues: at once, or as held by a transaction.
  enum class Join : uint8_t { kNow, kHeld };
  void Enqueue(storage::MessagePtr message, const std::vector<Queue*>& queues, Arrival arrival,
               Ledger::Confirm confirm, Join join);
  // The queue has a message, with that id, of which an earlier copy may have been delivered.
  void NoteResent(Queue& queue, storage::MessageId id);
  void SetContent(QueuedMessage& queued, storage::MessagePtr message);
  Entry* MakeEntry(QueuedMessage& message, const Queue& queue, int64_t due_at_ms);

  // ---- Delivery (delivery.cc) ----
  // A new or due entry joins its queue; then what follows from that.
  void JoinQueue(Queue& queue, Entry& entry);
  // The entry, which is in no list, is ready, or waits until it is due.
  void AddReady(Queue& queue, Entry& entry, int64_t since_ms);
  void AddDelayed(Queue& queue, Entry& entry, int64_t due_at_ms);
  void Dispatch(Queue& queue);
  void Deliver(Queue& queue, Entry& entry, Consumer& consumer);
  Delivery HandOut(Queue& queue, Entry& entry, uint64_t tag);
  void ExpireDue(Queue& queue);
  void EnforceLength(Queue& queue);
  bool EnsureServing(Queue& queue);
  void StopServing(Queue& queue);
  // From delayed or ready; the entry is the caller's then.
  void Take(Queue& queue, Entry& entry);
  // The entry, taken out of its queue's lists, is gone from it.
  void Discard(Queue& queue, Entry& entry, Ledger::Left left);
  void Free(Entry& entry);
  storage::EntryFacts FactsOf(const Queue& queue, const Entry& entry) const;

  // ---- Consumers (consuming.cc) ----
  void Handle(Subscribe&);
  void Handle(SetPrefetch&);
  void Handle(DrainConsumer&);
  void Handle(CloseConsumer&);
  void Handle(Get&);
  absl::StatusOr<Consumer*> AddConsumer(Subscribe& c);
  absl::Status CheckConsumable(const Queue& queue, const Subscribe& c) const;
  // Requeues what it holds, and removes it with all that goes with it.
  void RemoveConsumer(Consumer& consumer);
  // Takes it out of all tables; it holds nothing any more.
  void ForgetConsumer(Consumer& consumer);
  void RunGet(Queue& queue, Get c);

  // ---- Settling (settling.cc) ----
  void Handle(Settle&);
  void SettleShared(Settle& c);
  // The consumer has gone.
  static void FailAll(const Settlement& settlement, std::vector<SettleFailure>& failures);
  void Handle(HandedOver&);
  void Handle(Ack&);
  // The consumer of this name, if it is the asker's; null otherwise.
  static Consumer* FindConsumer(VirtualHost& host, const std::string& name, OwnerId asker);
  // `holder`: the consumer whose deliveries are named, or who asks about leases.
  using Holder = std::variant<Consumer*, OwnerId>;
  std::vector<SettleFailure> SettleAll(VirtualHost& host, Holder holder,
                                       const std::vector<Settlement>& settlements);
  // One of a batch; AfterSettling for the queues it touched is still due.
  void CarryOut(VirtualHost& host, Holder holder, const Settlement& settlement,
                std::vector<Queue*>& touched, std::vector<SettleFailure>& failures);
  // Finds what a settlement names; what can't be found becomes a failure.
  std::vector<Held> Resolve(VirtualHost& host, Holder holder, const Settlement& settlement,
                            std::vector<SettleFailure>& failures);
  std::optional<Held> FindHeld(VirtualHost& host, Holder holder, DeliveryTag tag);
  absl::Status UnknownTag(const VirtualHost& host, const Consumer* consumer, DeliveryTag tag) const;
  // What follows for a queue once a batch of settlements is through; only then, so that what was
  // requeued is back in its order before the next delivery.
  void AfterSettling(Queue& queue);
  // Takes it from its holder; the entry is the caller's then.
  void Release(const Held& held);
  // `left`: what an end without a trace counts as; kElsewhere if it is part of a transaction.
  void SettleOne(const Held& held, const Settlement& settlement, Ledger::Left left);
  // A delivery ended so, whatever that makes of the message.
  void CountRequeue(Queue& queue);
  // The entry, taken from its holder, returns; `delay_ms` absent: as the retry policy says.
  void Requeue(Queue& queue, Entry& entry, std::optional<int64_t> delay_ms,
               Ledger::Left left = Ledger::Left::kForGood);
  int64_t Backoff(const storage::RetryPolicy& policy, uint32_t attempts);
  void EndLease(uint64_t tag);

  // ---- Transactions (transactions.cc) ----
  struct Transaction;
  void Handle(Commit&);
  absl::Status Prepare(Commit& c, Transaction& transaction);
  absl::Status Prepare(Publication& publication, Transaction& transaction);
  absl::Status Prepare(const TransactionSettlement& settlement, Transaction& transaction);
  void Apply(Transaction& transaction);

  // ---- Paging (paging.cc) ----
  void Handle(Paged&);
  void HasLeft(const PagedOut& out);
  // The queue has consumers, and what joins it now is among the next that they get.
  bool WantsSoon(const Queue& queue) const;
  bool IsShortOfMemory() const;
  void SendAway(QueuedMessage& message);
  // Makes sure that the content is in memory, or asks for it; the queue goes on when it has come.
  void Fetch(const Queue& queue, QueuedMessage& message);
  // Whether the head of the line can be delivered now; if not, it is being fetched.
  bool IsAtHand(Queue& queue, const Entry& head);
  // Fetches what will be delivered soon; O(1) amortised over deliveries.
  void LookAhead(Queue& queue);
  // Sends away what stayed, a little at each call, while there is need.
  void Sweep();
  // The next entry of the queue that is being swept; null at its end.
  Entry* NextToSweep(Queue& queue);
  // The other way round, for a queue without consumers.
  void SendAheadAway(Queue& queue);
  // Nobody needs the content any more.
  void ForgetPage(const QueuedMessage& message);
  // What the queue has waited for is in memory.
  void GoOn(Queue& queue);

  // ---- Dead letters (dead_lettering.cc) ----
  // The entry, taken out of its queue's lists, dies: it goes to the dead-letter exchange, if need
  // be when its content is back in memory; or is dropped and counts as `left`.
  void Kill(Queue& queue, Entry& entry, storage::DeathReason reason,
            Ledger::Left left = Ledger::Left::kForGood);
  void Die(Queue& queue, Entry& entry, storage::DeathReason reason, Ledger::Left left);
  // So many wait for their content that no more should die of old age for now.
  static bool HasManyDying(const Queue& queue);
  void DeadLetter(Queue& queue, const storage::Message& message,
                  storage::DeathReason reason);
  void RouteDeadLetter(VirtualHost& host, const storage::MessagePtr& message);

  // ---- Recovery (recovery.cc) ----
  // DATA_LOSS unless the journal has reserved it; `what` is what has it.
  template <typename Tag>
  absl::Status CheckReserved(storage::StrongId<Tag> id, std::string_view what) const;
  absl::Status RestoreOne(storage::IdsReserved&&);
  absl::Status RestoreOne(storage::VirtualHostDeclared&&);
  absl::Status RestoreOne(storage::ExchangeDeclared&&);
  absl::Status RestoreOne(storage::QueueDeclared&&);
  absl::Status RestoreOne(storage::BindingAdded&&);
  absl::Status RestoreOne(storage::QueueServing&&);
  absl::Status RestoreOne(storage::ProducerAdvanced&&);
  absl::Status RestoreOne(storage::MessageIdSeen&&);
  absl::Status RestoreOne(storage::UserPut&&);
  absl::Status RestoreOne(storage::PolicyPut&&);
  absl::Status RestoreOne(storage::MessagePublished&&);
  template <typename NotLive>
  absl::Status RestoreOne(NotLive&&);
  void PutOverdueInPlace(Queue& queue);

  // ---- State ----
  const BrokerOptions options_;
  int64_t now_ms_ = 0;
  uint64_t next_id_ = 1;       // of messages, queues, exchanges, bindings, and places in queues
  uint64_t reserved_ids_ = 1;  // the journal knows that ids below this are taken
  std::mt19937_64 random_;
  bool stopping_ = false;  // nothing more is delivered
  Usage usage_;

  std::map<std::string, std::unique_ptr<VirtualHost>> virtual_hosts_;
  std::map<std::string, storage::User> users_;
  std::map<storage::ExchangeId, Exchange*> exchanges_;
  std::map<storage::QueueId, Queue*> queues_;
  std::map<ConsumerId, std::unique_ptr<Consumer>> consumers_;
  std::map<uint64_t, Lease> leases_;  // by tag
  uint64_t last_lease_ = 0;
  // Messages that the spill is asked to take or to give back, until it answers.
  struct Moving {
    QueuedMessage* message = nullptr;       // null: it was coming, and nobody has it any more
    std::vector<storage::QueueId> waiting;  // for it to come
  };
  absl::flat_hash_map<storage::MessageId, Moving> moving_;  // looked up, never walked
  uint64_t leaving_bytes_ = 0;  // of memory, which will be free when the spill has answered
  PageWork page_work_;
  int64_t page_out_again_ms_ = 0;
  struct SweepState {
    storage::QueueId queue;      // being swept, or the last that was; may be gone
    uint64_t ready_seen = 0;     // of its ready entries
    bool ready_done = false;     // the delayed ones follow
    size_t delayed_seen = 0;
    uint64_t sent = 0;           // in this round over all queues
    int64_t again_ms = 0;        // a round that sent nothing away isn't repeated at once
  };
  SweepState sweep_;

  std::vector<storage::QueueId> was_served_;  // when the last run ended; during recovery only
  storage::MessageId last_restored_;          // the same
  absl::flat_hash_map<PublisherId, Publisher> publishers_;  // looked up, never walked
  Producers producers_;
  TimerState producers_timer_;
  std::deque<Deletion> deletions_;  // the first one is underway
  TimerState deletions_timer_;
  std::deque<PolicyChange> policy_changes_;  // the first one is underway; one a virtual host
  TimerState policies_timer_;

  Timers timers_;
  Ledger ledger_;
  Router router_;
  Slab<Entry> entries_;
  Slab<QueuedMessage> messages_;

  // ---- Of the step that is being made ----
  struct DeadLetterOnItsWay {
    VirtualHost* host;
    storage::MessagePtr message;
  };
  Effects* out_ = nullptr;
  int timed_budget_ = 0;  // things that time may still do in this step
  std::deque<DeadLetterOnItsWay> dead_letters_;
  std::vector<storage::ExchangeId> idle_exchanges_;  // auto-delete ones that lost their last binding
  std::optional<Confirmed> confirms_;  // a run that may grow
};

}  // namespace warren::core
