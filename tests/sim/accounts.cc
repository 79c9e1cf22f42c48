#include "tests/sim/accounts.h"

#include <algorithm>

namespace warren::sim {

const QueueSetting* Accounts::Setting(const std::string& queue) const {
  const auto it = std::find_if(queues_.begin(), queues_.end(),
                               [&](const QueueSetting& q) { return q.name == queue; });
  return it != queues_.end() ? &*it : nullptr;
}

void Accounts::Published(const std::string& body, const std::vector<const QueueSetting*>& to,
                         bool persistent) {
  const size_t dash = body.rfind('-');
  bodies_[body] = {
      .must_survive = persistent && std::any_of(to.begin(), to.end(),
                                                [](const QueueSetting* q) { return !q->loses; }),
      .number = std::stoull(body.substr(dash + 1)),
      .lane = body.substr(0, dash)};
}

void Accounts::Confirmed(const std::string& body, core::Outcome outcome) {
  const auto it = bodies_.find(body);
  if (it == bodies_.end()) return;
  if (it->second.confirmed) Problem(body + " was confirmed twice");
  it->second.confirmed = true;
  if (outcome == core::Outcome::kRejected || outcome == core::Outcome::kUnroutable) {
    it->second.must_survive = false;
  }
}

void Accounts::Delivered(const storage::Message& message, const std::string& queue,
                         bool redelivered) {
  const std::string& body = message.body.str();
  const auto it = bodies_.find(body);
  if (it == bodies_.end()) return Problem(body + " was delivered but never published");
  it->second.seen = true;
  // A message may die in several queues, or more than once in one, and come here by each death.
  if (message.deaths) return;
  const std::pair copy(body, queue);
  if (gone_.contains(copy)) {
    Problem(body + " came back from " + queue + " after it was settled and answered");
  }
  if (!delivered_.insert(copy).second && !redelivered) {
    Problem(body + " was delivered again from " + queue + " without being flagged");
  }
  const QueueSetting* setting = Setting(queue);
  if (redelivered || setting == nullptr || setting->reorders) return;
  uint64_t& last = last_in_order_[{queue, it->second.lane}];
  if (it->second.number <= last) {
    Problem(body + " was delivered from " + queue + " after number " + std::to_string(last));
  }
  last = it->second.number;
}

void Accounts::AckAnswered(const storage::Message& message, const std::string& queue) {
  if (!message.deaths) gone_.insert({message.body.str(), queue});
}

void Accounts::CheckNothingLost() {
  for (const auto& [name, body] : bodies_) {
    if (body.must_survive && body.confirmed && !body.seen) {
      Problem(name + " was confirmed and then lost");
    }
  }
  for (const std::vector<std::string>& bodies : transactions_) {
    size_t seen = 0;
    for (const std::string& body : bodies) seen += bodies_.contains(body) && bodies_.at(body).seen;
    if (seen != 0 && seen != bodies.size()) Problem("a transaction of " + bodies[0] + " was torn");
  }
}

}  // namespace warren::sim
