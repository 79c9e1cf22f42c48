// A broker in a simulated world: clients, clock, a journal that is late and loses its unsynced tail
// in a crash, and a spill that is late and sometimes full. The broker, its recovery and the codec
// are those that ship. One seed, one run: the same seed gives the same trace, byte for byte.
//
// Who judges: always the broker's own invariants, after each step; the reference, where messages
// stay in memory; the accounts of what clients may conclude, where nobody changes the topology.
//
// Thread-compatible.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/core/broker.h"
#include "tests/sim/accounts.h"
#include "tests/sim/disk.h"
#include "tests/sim/plan.h"
#include "tests/sim/random.h"
#include "tests/sim/reference/reference.h"
#include "tests/sim/second_host.h"
#include "tests/sim/settings.h"

namespace warren::sim {

// What a run consists of, for those who tell it again.
struct Event {
  enum Kind : uint8_t { kCommand, kTake, kCommit, kReport, kCrash, kMovePages, kReportPages };
  Kind kind = kCommand;
  int64_t now_ms = 0;
  bool late = false;  // the broker wasn't told of the time that passed before
  const core::Command* command = nullptr;  // kCommand
};

class World {
 public:
  explicit World(uint64_t seed);

  // Carries the plan out, then lets everything come to rest and drains all queues. "" or the first
  // thing that was wrong.
  std::string Run(const Plan& plan);

  uint64_t steps() const { return steps_; }
  uint64_t trace_hash() const { return trace_hash_; }
  // Prints what happens as it happens.
  void PrintTrace() { print_ = true; }
  // Calls `tell` with each event before it happens.
  void OnEvent(std::function<void(const Event&)> tell) { tell_ = std::move(tell); }
  const Settings& settings() const { return settings_; }

 private:
  // A message as its publisher remembers it, to send it again.
  struct Sent {
    std::string exchange;
    std::string key;
    std::string body;
    std::string message_id;
    storage::Headers headers;
    bool persistent = false;
    bool mandatory = false;
    bool refused = false;  // by the edge
    int64_t delay_ms = 0;
    int64_t expiration_ms = -1;
    uint8_t priority = 0;
  };
  // A publisher as its client sees it. With a producer id it resends what is unconfirmed when it
  // comes back.
  struct Publisher {
    std::string lane;
    std::string producer_id;
    core::PublisherId id;
    bool open = false;
    bool deaf = false;  // its connection is broken, which the broker doesn't know yet
    uint64_t next_sequence = 1;
    std::map<uint64_t, Sent> unconfirmed;
  };
  struct Consumer {
    core::ConsumerId id;
    std::string queue;
    core::Prefetch prefetch;
    bool auto_ack = false;
    bool subscribed = false;
    bool draining = false;
    uint64_t last_tag = 0;
    uint64_t last_settle_id = 0;
    std::map<uint64_t, storage::MessagePtr> unsettled;                      // by tag
    std::map<uint64_t, std::vector<storage::MessagePtr>> waits_for_answer;  // acked, by settle id
  };
  struct Leased {
    storage::MessagePtr message;
    std::string queue;
  };
  struct PendingCommit {
    std::vector<Leased> acked;
    std::vector<std::string> published;
    // By consumer and tag: what it settles, which is still there if it fails.
    std::map<uint64_t, std::map<uint64_t, storage::MessagePtr>> unsettled;
  };

  void Act(const PlannedStep& step);  // actions.cc

  // ---- publishers.cc ----
  void PublishSome(Random& random);
  void OpenPublisher(Publisher& publisher);
  void BreakPublisher(Random& random);
  Sent RandomMessage(Random& random, const std::string& lane, bool durable);
  void Account(const Sent& sent);
  std::string RandomQueue(Random& random);
  core::Publication Make(const Sent& message);

  // ---- consumers.cc ----
  void Subscribe(Random& random);
  void SettleSome(Random& random);
  void SettleByCall(Random& random);
  core::Settlement RandomSettlement(Random& random, Consumer& consumer,
                                    std::vector<storage::MessagePtr>& acked);
  void Commit(Random& random);
  void Get(Random& random);

  // ---- Changes of topology (changes.cc) ----
  void Change(Action action, Random& random);
  storage::Policy RandomPolicy(const std::string& name, Random& random) const;
  core::CancelScheduledMessages CancelSome(core::RequestId request, const std::string& queue,
                                           Random& random);
  void DeclareAll();

  // ---- The world (world.cc) ----
  void PassTime(int64_t ms);
  void PassTimeLate(Random& random);
  void TakeBatch();
  void CommitBatch(Random& random);
  void Report();
  void Crash(Random& random);
  void FinishStop(Random& random);
  void Restore(uint64_t lsn);
  std::unique_ptr<core::Broker> Recover();
  void CheckPrefix();
  void MovePages(Random& random);
  void ReportPages();

  // ---- The end (ending.cc) ----
  void LetRest();
  void DrainAll();
  void CheckEnd();

  // Whose command it is: the reference knows the first host alone.
  enum class Of : uint8_t { kFirstHost, kSecondHost };
  void Do(core::Command command, Of whose = Of::kFirstHost);
  bool NothingOnItsWay() const;
  void Note(Event::Kind kind, const core::Command* command = nullptr);
  void Trace(const std::string& line);
  void Problem(const std::string& what);
  core::RequestId NewRequest() { return {next_id_++}; }
  Publisher& PickPublisher(Random& random) { return random.Pick(publishers_); }
  Consumer* PickConsumer(Random& random);
  Consumer* Find(core::ConsumerId id);
  // Where nobody changes the topology, and clients make no mistakes either.
  bool KeepsAccounts() const { return !settings_.changes; }

  // ---- What clients see (reactions.cc) ----
  void React(const core::Effect& effect);
  void Saw(const core::Delivered& e);
  void Saw(const core::Confirmed& e);
  void Saw(const core::Replied& e);
  void SawDelivery(const core::Delivery& delivery, const std::string& queue);

  const Settings settings_;
  int64_t now_ms_ = 1'000'000;
  std::unique_ptr<core::Broker> broker_;
  std::unique_ptr<Reference> reference_;  // null in paged worlds
  SecondHost second_;
  Disk disk_;
  uint64_t taken_ = 0;     // the highest batch that left the broker
  uint64_t reported_ = 0;  // the highest batch that the broker was told to be durable
  bool stopping_ = false;

  std::map<uint64_t, storage::MessagePtr> pages_;
  std::deque<core::Paged> moved_pages_;

  std::vector<Publisher> publishers_;
  std::deque<Consumer> consumers_;
  std::map<uint64_t, Leased> leases_;                   // tag
  std::map<uint64_t, std::string> gets_;                // request, queue
  std::map<uint64_t, PendingCommit> commits_;           // request
  std::map<uint64_t, std::vector<Leased>> lease_acks_;  // request
  uint64_t next_id_ = 1;
  uint64_t next_number_ = 1;
  uint64_t next_commit_ = 1;

  Accounts accounts_;
  uint64_t steps_ = 0;
  std::string problem_;
  uint64_t trace_hash_ = 1469598103934665603ULL;
  bool print_ = false;
  std::function<void(const Event&)> tell_;
  bool late_ = false;  // time has passed of which the broker knows nothing
};

}  // namespace warren::sim
