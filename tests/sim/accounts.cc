#include "tests/sim/accounts.h"

#include <algorithm>

namespace warren::sim {

// Bodies are LANE-NUMBER; numbers of a lane ascend as they are published.
void Accounts::Publish(const std::string& body, const std::vector<const QueueKind*>& to,
                       bool persistent) {
  const size_t dash = body.rfind('-');
  bodies_[body] = {
      .must_survive = persistent && std::any_of(to.begin(), to.end(),
                                                [](const QueueKind* q) { return !q->loses; }),
      .number = std::stoull(body.substr(dash + 1)),
      .lane = body.substr(0, dash)};
}

void Accounts::Confirmed(const std::string& body, core::Outcome outcome) {
  Body& b = bodies_.at(body);
  if (b.confirmed) Problem(body + " was confirmed twice");
  b.confirmed = true;
  if (outcome == core::Outcome::kRejected || outcome == core::Outcome::kUnroutable) {
    b.must_survive = false;
  }
}

void Accounts::Delivered(const std::string& body, const QueueKind& queue, bool redelivered) {
  const auto it = bodies_.find(body);
  if (it == bodies_.end()) return Problem(body + " was delivered but never published");
  it->second.seen = true;
  const std::pair copy(body, queue.name);
  if (gone_.contains(copy)) {
    Problem(body + " came back from " + queue.name + " after it was settled and answered");
  }
  if (!delivered_.insert(copy).second && !redelivered) {
    Problem(body + " was delivered again from " + queue.name + " without being flagged");
  }
  if (redelivered || queue.reorders) return;
  uint64_t& last = last_in_order_[{queue.name, it->second.lane}];
  if (it->second.number <= last) {
    Problem(body + " was delivered from " + queue.name + " after number " + std::to_string(last));
  }
  last = it->second.number;
}

void Accounts::Acked(const std::string& body, const QueueKind&) {
  const auto it = bodies_.find(body);
  if (it != bodies_.end()) it->second.seen = true;
}

void Accounts::AckAnswered(const std::string& body, const QueueKind& queue) {
  gone_.insert({body, queue.name});
}

void Accounts::Restarted(const std::set<std::pair<std::string, std::string>>& copies) {
  last_in_order_.clear();
  std::erase_if(delivered_, [&](const auto& copy) { return !copies.contains(copy); });
}

void Accounts::CheckNothingLost() {
  for (const auto& [name, body] : bodies_) {
    if (body.must_survive && body.confirmed && !body.seen) {
      Problem(name + " was confirmed and then lost");
    }
  }
  for (const std::vector<std::string>& bodies : transactions_) {
    size_t seen = 0;
    for (const std::string& body : bodies) seen += bodies_.at(body).seen ? 1 : 0;
    if (seen != 0 && seen != bodies.size()) Problem("a transaction of " + bodies[0] + " was torn");
  }
}

}  // namespace warren::sim
