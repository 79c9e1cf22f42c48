// A broker in a simulated world: clients, clock, a journal that is late and loses its unsynced tail
// in a crash, and a spill that is late and sometimes full. One seed, one run: the same seed gives the same trace, byte for byte.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "server/core/broker.h"
#include "storage/live_state.h"
#include "tests/sim/accounts.h"

namespace warren::sim {

inline constexpr char kHost[] = "/";
inline constexpr char kFanout[] = "all";  // an exchange that leads to several queues

class World {
 public:
  explicit World(uint64_t seed);

  // Makes `steps` random steps, then lets everything come to rest and drains all queues.
  void Run(int steps);

  const std::vector<std::string>& problems() const { return accounts_.problems(); }
  // Of all effects and batches so far.
  uint64_t trace_hash() const { return trace_hash_; }

 private:
  // A publisher as its client sees it. With an id it resends what is unconfirmed after a crash.
  struct Publisher {
    std::string lane;
    std::string producer_id;
    core::PublisherId id;
    bool open = false;
    uint64_t next_sequence = 1;
    struct Message {
      std::string body;
      const QueueKind* queue = nullptr;  // null: the fanout exchange
      bool persistent = false;
      int64_t delay_ms = 0;
      int64_t expiration_ms = -1;
      uint8_t priority = 0;
    };
    std::map<uint64_t, Message> unconfirmed;
  };
  struct Consumer {
    core::ConsumerId id;
    const QueueKind* queue = nullptr;
    core::Prefetch prefetch;
    bool auto_ack = false;
    bool subscribed = false;
    uint64_t last_tag = 0;
    std::map<uint64_t, std::string> unsettled;                      // tag, body
    std::map<uint64_t, std::vector<std::string>> waits_for_answer;  // settle id, acked bodies
    uint64_t last_settle_id = 0;
  };
  struct Commit {
    core::RequestId request;
    std::vector<std::pair<std::string, const QueueKind*>> acked;
    std::vector<std::string> published;
  };

  // ---- Random actions ----
  void DoSomething();
  void OpenPublisher(Publisher& publisher);
  void PublishSome(Publisher& publisher);
  void Resend(Publisher& publisher);
  core::Publication Make(const Publisher::Message& message);
  Publisher::Message RandomMessage(Publisher& publisher);
  void Subscribe();
  void SettleSome(Consumer& consumer);
  void CloseConsumer(size_t index);
  void CommitSome();
  void GetSome();
  void PassTime(int64_t ms);

  // ---- The journal ----
  void TakeBatch();
  void MakeDurable(bool report);
  void Crash();
  void StopAndStart();
  void Restore();
  // A broker restored from the journal holds just what this one has told it.
  void CompareWithRecovered();

  // ---- The spill ----
  // Carries out what the broker wants moved; it is told later, with the next report.
  void MovePages();
  void ReportPages();

  void Settle();
  void DrainAll();

  void Step(core::Command command);
  void Apply(const core::Effect& effect);
  void Trace(const std::string& line);
  bool Chance(int percent) { return Random(100) < percent; }
  int Random(int below) { return static_cast<int>(random_() % static_cast<uint64_t>(below)); }
  Consumer* Find(core::ConsumerId id);
  const QueueKind* FindQueue(const std::string& name) const;

  std::mt19937_64 random_;
  uint64_t seed_;
  int64_t now_ms_ = 1'000'000;
  std::vector<QueueKind> queues_;
  std::unique_ptr<core::Broker> broker_;

  storage::LiveState journal_;
  std::deque<storage::Batch> in_flight_;
  uint64_t reported_ = 0;  // highest LSN that is durable, of those taken
  std::deque<uint64_t> unreported_;

  std::map<uint64_t, storage::MessagePtr> pages_;
  std::deque<core::Paged> moved_pages_;

  std::vector<Publisher> publishers_;
  std::deque<Consumer> consumers_;
  std::vector<Commit> commits_;
  std::map<uint64_t, const QueueKind*> gets_;  // request, queue
  struct Leased {
    std::string body;
    const QueueKind* queue;
  };
  std::map<uint64_t, Leased> leases_;
  std::map<uint64_t, std::vector<Leased>> lease_acks_;  // request
  uint64_t next_id_ = 1;
  uint64_t next_number_ = 1;

  Accounts accounts_;
  uint64_t trace_hash_ = 1469598103934665603ULL;
  bool print_;
};

}  // namespace warren::sim
