// The reference: what a broker must do, written down plainly and slowly, to hold the real one
// against. It is told each command and what the broker made of it, and says where that is wrong.
//
// It decides by itself what becomes of each message: routing, order, who gets it, expiry, limits,
// dead letters, retries, deduplication, transactions. What depends on the journal's pace it takes
// from the broker, and checks that it was allowed: a confirm or an answer must not come before a
// crash could no longer undo what it promises, and must come once nothing is on its way any more.
//
// It knows no memory, so it is of use only where messages don't leave it (Settings::paging), and
// time passes deadline by deadline.
//
// Thread-compatible.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "server/base/error.h"
#include "server/core/broker.h"
#include "storage/live_state.h"
#include "tests/sim/reference/state.h"

namespace warren::sim {

// An error as clients tell them apart: by code and reason.
inline absl::Status Fail(absl::StatusCode code, const char* reason) {
  return Error(code, reason, {"", "", ""}, "");
}

class Reference {
 public:
  Reference();
  Reference(const Reference&) = delete;
  Reference& operator=(const Reference&) = delete;

  // What the broker did at `now_ms` when told `command`. "" or what is wrong with it.
  std::string Step(int64_t now_ms, const core::Command& command, const core::Effects& effects);
  // Whether the broker's queues hold what they must. "" or the first difference.
  std::string Compare(const core::Broker& broker);
  // Nothing is on its way to the journal. "" or who waits all the same.
  std::string CheckNobodyWaits() const;

  std::optional<int64_t> NextDeadline() const;
  const ReferenceState& state() const { return state_; }

  // ---- The journal ----
  // The broker gave out batch `lsn`: what is so now is what the journal will know with it.
  void BatchTaken(uint64_t lsn);
  // Batches up to this one are on disk.
  void BatchCommitted(uint64_t lsn) { committed_lsn_ = lsn; }
  // Whether `broker`, recovered from the batches up to `lsn`, is what it was at that batch.
  // "" or the first difference.
  std::string CheckRecovered(uint64_t lsn, int64_t now_ms, const core::Broker& broker) const;
  // Whether `disk`, which holds the batches up to `lsn`, knows the message ids and sequences that
  // were taken by then. (A broker shows them by how it answers only.) "" or the first it lacks.
  std::string CheckKnown(uint64_t lsn, int64_t now_ms, const storage::LiveState& disk) const;
  // The broker has ended; `broker` is the next one, with what was on disk up to `lsn`. As
  // CheckRecovered, and goes on from there.
  std::string Restart(uint64_t lsn, int64_t now_ms, const core::Broker& broker);

 private:
  struct Consumer {
    core::ConsumerId id;
    std::string name;
    uint64_t queue = 0;
    core::Prefetch prefetch;
    bool auto_ack = false;
    bool exclusive = false;
    bool open = false;
    bool draining = false;
    uint64_t last_tag = 0;
  };
  struct Producer {
    core::PublisherId owner;
    uint64_t advanced_lsn = 0;
  };
  // An answer that waits for the journal, by what it will be seen as.
  enum class Answer : uint8_t { kOpened, kSubscribed, kSettled, kReplied };
  struct Waiting {
    Answer answer;
    uint64_t id = 0;         // publisher, consumer or request
    uint64_t settle_id = 0;  // kSettled
    uint64_t needs_lsn = 0;  // what must be on disk by then
    std::function<void()> then;
  };
  struct DeadLetterOnItsWay {
    storage::MessagePtr message;
    Origin origin;
    std::shared_ptr<const Life> life;
  };
  struct ExpectedConfirm {
    core::Outcome outcome;
    std::string error;  // its reason
    bool at_once = false;
    uint64_t needs_lsn = 0;  // with which the journal knows that a repeat is one
  };
  // A copy that a settlement names.
  struct Held {
    uint64_t queue = 0;
    uint64_t copy = 0;
  };
  // When a message is due, 0 is at once, and whether its publisher says that it sent it before.
  struct Arrival {
    int64_t due_at_ms = 0;
    bool resent = false;
  };
  struct PreparedPublish {
    storage::MessagePtr message;
    std::string exchange;
    std::vector<uint64_t> queues;
    Arrival arrival;
  };
  // A copy that a transaction took along, until that has been answered.
  struct Gone {
    Origin origin;
    std::shared_ptr<Life> life;
    core::RequestId transaction;
  };

  // ---- The step (step.cc) ----
  template <typename Other>
  void Handle(const Other&) {}  // nothing to decide
  void FinishRound();
  void RunTimers();
  // None if nothing of it waits for time.
  std::optional<int64_t> DeadlineOf(const ReferenceQueue& queue) const;
  void Release(const core::Effect& effect);
  void TakeConfirm(const core::Confirmed& confirmed);
  bool Survives(const Life& life) const;
  bool IsSafe(Origin origin);
  void CompareEffects(const core::Effects& effects);
  void Problem(const std::string& what);
  void RestOn(uint64_t lsn) { rests_on_ = std::max(rests_on_, lsn); }
  void Emit(core::Effect effect) { expected_.push_back(std::move(effect)); }
  void Wait(Answer answer, uint64_t id, std::function<void()> then, uint64_t settle_id = 0);
  void Reply(core::RequestId request, absl::Status status,
             decltype(core::Replied::result) result = {});
  bool IsAnsweredNow(core::RequestId request) const;
  void ExpectConfirm(Origin origin, core::Outcome outcome, bool at_once, std::string error = "");

  // ---- Policies (policies.cc) ----
  void Handle(const core::PutPolicy& c);
  void Handle(const core::DeletePolicy& c);
  void FollowPolicies();

  // ---- Topology (topology.cc) ----
  void Handle(const core::DeclareExchange& c);
  void Handle(const core::DeleteExchange& c);
  void Handle(const core::DeclareQueue& c);
  void Handle(const core::DeleteQueue& c);
  void Handle(const core::PurgeQueue& c);
  void Handle(const core::Bind& c);
  void Handle(const core::Unbind& c);
  absl::StatusOr<ReferenceQueue*> GetQueue(const std::string& name, core::ConsumerId user = {});
  absl::StatusOr<ReferenceQueue*> Declare(const std::string& name,
                                          const std::optional<storage::QueueOptions>& options,
                                          core::ConsumerId owner);
  absl::StatusOr<ReferenceBinding> Resolve(const core::BindingSpec& spec, core::ConsumerId user);
  absl::Status Add(const core::BindingSpec& spec, core::ConsumerId user);
  void RemoveBindings(const std::function<bool(const ReferenceBinding&)>& which);
  void RemoveExchange(const std::string& name);
  void RemoveQueue(ReferenceQueue& queue);

  // ---- Operators (moving.cc) ----
  void Handle(const core::MoveMessages& c);
  void Handle(const core::CancelScheduledMessages& c);
  void Move(ReferenceQueue& from, const Copy& copy, ReferenceQueue& to);

  // ---- Publishing (publishing.cc) ----
  void Handle(const core::OpenPublisher& c);
  void Handle(const core::ClosePublisher& c);
  void Handle(const core::Publish& c);
  void PublishOne(Origin origin, const std::string& producer, const core::Publication& p);
  void Refuse(Origin origin, const std::string& producer, std::string error);
  void RemovePublisher(core::PublisherId id);
  absl::Status CheckTarget(const storage::Message& message);
  std::vector<uint64_t> RouteNow(const storage::Message& message);
  int64_t DueAt(const core::Publication& publication);
  bool IsRepeat(const std::map<std::string, SeenUntil>& seen,
                const storage::Message& message) const;
  // Whether the journal is told.
  bool MarkSeen(ReferenceExchange& exchange, const storage::Message& message);
  bool MarkSeen(ReferenceQueue& queue, const storage::Message& message);
  std::vector<uint64_t> Admit(const std::vector<uint64_t>& routed,
                              const storage::MessagePtr& message, int64_t due_at_ms, Origin origin,
                              const std::shared_ptr<const Life>& dead_letter_of, bool* refused);
  // The numbers of the copies.
  std::vector<Held> Enqueue(const storage::MessagePtr& message,
                            const std::vector<uint64_t>& queues, Arrival arrival, Origin origin,
                            std::shared_ptr<const Life> dead_letter_of, bool held);

  // ---- Transactions (transactions.cc) ----
  void Handle(const core::Commit& c);
  absl::Status Prepare(const core::Publication& publication, std::vector<PreparedPublish>& to,
                       std::map<uint64_t, std::pair<uint64_t, uint64_t>>& load);

  // ---- In the queue (queueing.cc) ----
  void Join(const Held& which);
  void Dispatch(ReferenceQueue& queue);
  void Deliver(ReferenceQueue& queue, Copy& copy, Consumer& consumer);
  core::Delivery HandOut(ReferenceQueue& queue, Copy& copy, core::ConsumerId to, uint64_t tag);
  void ExpireDue(ReferenceQueue& queue);
  void EnforceLength(ReferenceQueue& queue);
  void Kill(ReferenceQueue& queue, Copy& copy, storage::DeathReason reason,
            bool in_transaction = false);
  void Leave(ReferenceQueue& queue, Copy& copy, bool in_transaction = false);
  void SendDeadLetter(const ReferenceQueue& queue, const storage::Message& message,
                      storage::DeathReason reason, Origin origin, std::shared_ptr<const Life> life);
  void RouteDeadLetter(const DeadLetterOnItsWay& dead);
  Copy* Find(const Held& held);
  bool WantsMore(const Consumer& consumer);
  void UpdateTurn(const Consumer& consumer, bool served);

  // ---- Consumers (consuming.cc) ----
  void Handle(const core::Subscribe& c);
  void Handle(const core::SetPrefetch& c);
  void Handle(const core::DrainConsumer& c);
  void Handle(const core::CloseConsumer& c);
  void Handle(const core::Get& c);
  void Handle(const core::BeginShutdown&);
  void Handle(const core::FinishShutdown&);
  absl::Status CheckSubscribe(const core::Subscribe& c, ReferenceQueue** queue);
  void RemoveConsumer(core::ConsumerId id);
  void Forget(core::ConsumerId id);
  void RunGet(const core::Get& c);
  void EndLease(uint64_t tag);
  bool HasConsumer(const ReferenceQueue& queue) const;
  bool IsExclusivelyConsumed(const ReferenceQueue& queue) const;

  // ---- Settling (settling.cc) ----
  void Handle(const core::Settle& c);
  void Handle(const core::HandedOver& c);
  void Handle(const core::Ack& c);
  std::vector<core::SettleFailure> SettleAll(Consumer* consumer,
                                             const std::vector<core::Settlement>& settlements);
  // `claimed`: what earlier settlements of the same transaction name.
  std::vector<Held> ResolveTags(Consumer* consumer, const core::Settlement& settlement,
                                std::set<uint64_t>& claimed,
                                std::vector<core::SettleFailure>& failures);
  void SettleOne(const Held& held, const core::Settlement& settlement, bool in_transaction);
  void Release(Copy& copy);
  void Requeue(ReferenceQueue& queue, Copy& copy, std::optional<int64_t> delay_ms,
               bool in_transaction = false);
  void AfterSettling(const std::vector<uint64_t>& touched);
  Consumer* FindConsumer(const std::string& name);

  // ---- Recovery (recovery.cc) ----
  static ReferenceState Recovered(const ReferenceState& snapshot, int64_t now_ms);
  static std::string CompareQueues(ReferenceState& state, const core::Broker& broker);
  std::string CheckFlags(ReferenceState& state, const core::Broker& broker) const;

  int64_t now_ms_ = 0;
  ReferenceState state_;
  uint64_t last_policy_ = 0;
  std::optional<core::RequestId> policy_changed_;  // in this step; who asked
  bool stopping_ = false;
  std::map<core::ConsumerId, Consumer> consumers_;
  std::map<core::PublisherId, std::string> publishers_;  // producer id, or ""
  std::map<std::string, Producer> producers_;
  uint64_t last_lease_ = 0;

  // ---- The journal ----
  uint64_t open_lsn_ = 1;
  uint64_t committed_lsn_ = 0;
  std::map<uint64_t, ReferenceState> snapshots_;
  std::deque<Waiting> waiting_;
  std::map<Origin, ExpectedConfirm> confirms_;
  std::vector<Gone> gone_in_transactions_;

  // ---- Over all runs of the broker ----
  std::set<uint64_t> handed_out_;  // numbers of copies
  std::set<uint64_t> consumed_;    // numbers of queues that anyone took from

  // ---- Of the step at hand ----
  const core::Effects* effects_ = nullptr;
  core::Effects expected_;
  core::RequestId transaction_;  // that is being carried out
  uint64_t rests_on_ = 0;  // the batch that must be on disk before success is told
  std::deque<DeadLetterOnItsWay> dead_letters_;
  std::vector<std::string> idle_exchanges_;
  std::string problem_;
};

}  // namespace warren::sim
