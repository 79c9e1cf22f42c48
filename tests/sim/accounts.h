// What the simulated clients know, and what they may conclude from it: total accounting, in the
// manner of Jepsen's total-queue checker. Obviously right rather than fast. Thread-compatible.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/core/effect.h"
#include "tests/sim/settings.h"

namespace warren::sim {

// Records what happens; `problems` says what should not have.
class Accounts {
 public:
  // REQUIRES: `queues` outlives it.
  explicit Accounts(const std::vector<QueueSetting>& queues) : queues_(queues) {}

  // Null if there is none of that name.
  const QueueSetting* Setting(const std::string& queue) const;

  // ---- What clients do. Bodies are LANE-NUMBER; numbers of a lane ascend as they are published.
  // A body must survive if it is persistent and goes to a queue that loses nothing.
  void Published(const std::string& body, const std::vector<const QueueSetting*>& to,
                 bool persistent);
  void Confirmed(const std::string& body, core::Outcome outcome);
  // Bodies that are there all or not at all.
  void Transaction(const std::vector<std::string>& bodies) { transactions_.push_back(bodies); }

  // ---- What they see ----
  void Delivered(const storage::Message& message, const std::string& queue, bool redelivered);
  // The broker has answered that this copy is settled for good.
  void AckAnswered(const storage::Message& message, const std::string& queue);
  // The broker restarted: what it said of order starts anew. What it forgot of deliveries changes
  // nothing: a publisher that sends again what they forgot says so.
  void Restarted() { last_in_order_.clear(); }

  // ---- At the end, all queues drained ----
  void CheckNothingLost();

  const std::vector<std::string>& problems() const { return problems_; }

 private:
  struct Body {
    bool must_survive = false;
    bool confirmed = false;
    bool seen = false;
    uint64_t number = 0;
    std::string lane;  // publisher, for order
  };
  void Problem(std::string text) { problems_.push_back(std::move(text)); }

  const std::vector<QueueSetting>& queues_;
  std::map<std::string, Body> bodies_;
  std::set<std::pair<std::string, std::string>> delivered_;  // body, queue
  std::set<std::pair<std::string, std::string>> gone_;       // settled and answered
  std::map<std::pair<std::string, std::string>, uint64_t> last_in_order_;  // queue, lane
  std::vector<std::vector<std::string>> transactions_;
  std::vector<std::string> problems_;
};

}  // namespace warren::sim
