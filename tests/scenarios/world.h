// The world of a transcript: a broker, a clock that only `tick` moves, and a journal that is
// storage::LiveState. Runs steps and writes down what came of them.
//
// Journal mode `auto` makes every batch durable as soon as there is one; `manual` leaves that to
// the commands take, written, report and durable. A crash keeps what was written and nothing else. The broker's
// invariants are checked after every step. Thread-compatible.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "server/core/broker.h"
#include "storage/live_state.h"
#include "tests/scenarios/arguments.h"
#include "tests/scenarios/trace.h"
#include "tests/scenarios/transcript.h"

namespace warren::scenarios {

class World {
 public:
  World();

  // The step's trace.
  Lines Run(const Step& step);

  // Whether a command made no sense to the runner itself; the trace says why.
  bool malformed() const { return malformed_; }

 private:
  using Details = std::vector<std::string>;
  using Handler = void (World::*)(Arguments&, const Details&);
  static const std::map<std::string, Handler, std::less<>>& Handlers();

  // Topology
  void DeclareHost(Arguments& words, const Details&);
  void DeleteHost(Arguments& words, const Details&);
  void LimitHost(Arguments& words, const Details&);
  void PutUser(Arguments& words, const Details&);
  void DeleteUser(Arguments& words, const Details&);
  void Permit(Arguments& words, const Details&);
  void PutPolicy(Arguments& words, const Details&);
  void DeletePolicy(Arguments& words, const Details&);
  void Forbid(Arguments& words, const Details&);
  void DeclareExchange(Arguments& words, const Details&);
  void DeleteExchange(Arguments& words, const Details&);
  void DeclareQueue(Arguments& words, const Details&);
  void DeleteQueue(Arguments& words, const Details&);
  void Purge(Arguments& words, const Details&);
  void Move(Arguments& words, const Details&);
  void Cancel(Arguments& words, const Details&);
  void BindQueue(Arguments& words, const Details&);
  void BindExchange(Arguments& words, const Details&);
  void UnbindQueue(Arguments& words, const Details&);
  void UnbindExchange(Arguments& words, const Details&);
  // Publishers
  void OpenPublisher(Arguments& words, const Details&);
  void Publish(Arguments& words, const Details& details);
  void ClosePublisher(Arguments& words, const Details&);
  // Consumers
  void Consume(Arguments& words, const Details& details);
  void Settle(Arguments& words, const Details& details);
  void SettleShared(Arguments& words, const Details& details);
  void Ack(Arguments& words, const Details&);
  void Requeue(Arguments& words, const Details&);
  void Reject(Arguments& words, const Details&);
  void Retry(Arguments& words, const Details&);
  void HandOver(Arguments& words, const Details&);
  void SetPrefetch(Arguments& words, const Details&);
  void Drain(Arguments& words, const Details&);
  void CloseConsumer(Arguments& words, const Details&);
  // Calls
  void Get(Arguments& words, const Details&);
  void AckCall(Arguments& words, const Details& details);
  void Commit(Arguments& words, const Details& details);
  // The world
  void Tick(Arguments& words, const Details&);
  void SetJournal(Arguments& words, const Details&);
  void Take(Arguments& words, const Details&);
  void Written(Arguments& words, const Details&);
  void Report(Arguments& words, const Details&);
  void Durable(Arguments& words, const Details&);
  void LimitMemory(Arguments& words, const Details&);
  void MovePages(Arguments& words, const Details&);
  void ReportPages(Arguments& words, const Details&);
  void BeginShutdown(Arguments& words, const Details&);
  void FinishShutdown(Arguments& words, const Details&);
  void Stop(Arguments& words, const Details&);
  void Crash(Arguments& words, const Details&);
  void ShowState(Arguments& words, const Details&);
  void ShowUsage(Arguments& words, const Details&);

  // Of this name; a new one if there is none.
  core::ConsumerId StreamOf(const std::string& name);
  void SettleOne(core::SettleOutcome outcome, Arguments& words);
  core::Settlement SettlementOf(const std::string& detail);
  void AddDetail(core::Commit& commit, const std::string& detail);
  std::string HostOf(Arguments& words);
  core::PublisherId PublisherOf(const std::string& name, const std::string& host);
  core::ConsumerId ConsumerOf(const std::string& name);
  core::RequestId NewRequest();

  void Fail(std::string why);
  // Unless something was wrong with the words: one step, and what the journal makes of it.
  void Do(Arguments& words, core::Command command);
  void Step(core::Command command);
  void Print(const core::Effects& effects);
  void TakeBatch();
  void WriteOldest();
  void MakeOldestDurable();
  void SettleJournal();
  // A new broker from what is durable.
  void Restart();

  core::BrokerOptions options_{.seed = 1};
  std::unique_ptr<core::Broker> broker_;
  int64_t now_ms_;
  bool journal_is_auto_ = true;
  bool ticking_ = false;
  storage::LiveState durable_;
  std::deque<storage::Batch> in_flight_;
  storage::Lsn written_;  // the last that is durable, of this run
  std::map<uint64_t, storage::MessagePtr> pages_;  // the spill
  std::deque<core::Paged> moved_pages_;            // not reported yet

  Names names_;
  struct Publisher {
    core::PublisherId id;
    uint64_t next_sequence = 1;
  };
  std::map<std::string, Publisher> publishers_;
  std::set<core::PublisherId> opened_implicitly_;
  std::map<std::string, core::ConsumerId> consumers_;
  std::set<core::ConsumerId> shown_;  // consumers whose deliveries are written with all properties
  uint64_t last_id_ = 0;              // of publishers, consumers and requests

  // Of the step at hand.
  std::string command_;
  core::RequestId call_;
  Lines lines_;
  bool malformed_ = false;
};

}  // namespace warren::scenarios
