// What the simulated clients see, and remember of it.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/sim/world.h"

namespace warren::sim {

World::Consumer* World::Find(core::ConsumerId id) {
  const auto it = std::find_if(consumers_.begin(), consumers_.end(),
                               [id](const Consumer& c) { return c.id == id; });
  return it != consumers_.end() ? &*it : nullptr;
}

void World::React(const core::Effect& effect) {
  if (const auto* opened = std::get_if<core::PublisherOpened>(&effect)) {
    for (Publisher& p : publishers_) {
      if (p.id != opened->publisher) continue;
      p.open = true;
      if (!p.producer_id.empty() && opened->last_sequence >= p.next_sequence) {
        Problem(p.lane + " was told of a sequence that it never sent");
      }
    }
  } else if (const auto* confirmed = std::get_if<core::Confirmed>(&effect)) {
    Saw(*confirmed);
  } else if (const auto* delivered = std::get_if<core::Delivered>(&effect)) {
    Saw(*delivered);
  } else if (const auto* subscribed = std::get_if<core::Subscribed>(&effect)) {
    if (Consumer* c = Find(subscribed->consumer)) c->subscribed = true;
  } else if (const auto* drained = std::get_if<core::Drained>(&effect)) {
    if (Consumer* c = Find(drained->consumer)) c->draining = true;
  } else if (const auto* cancelled = std::get_if<core::Cancelled>(&effect)) {
    std::erase_if(consumers_, [&](const Consumer& c) { return c.id == cancelled->consumer; });
  } else if (const auto* closed = std::get_if<core::ConsumerClosed>(&effect)) {
    std::erase_if(consumers_, [&](const Consumer& c) { return c.id == closed->consumer; });
  } else if (const auto* settled = std::get_if<core::SettleAnswered>(&effect)) {
    Consumer* c = Find(settled->consumer);
    if (c == nullptr) return;
    for (const storage::MessagePtr& message : c->waits_for_answer[settled->settle_id]) {
      if (!settled->failures.empty()) break;
      accounts_.AckAnswered(*message, c->queue);
    }
    c->waits_for_answer.erase(settled->settle_id);
  } else if (const auto* replied = std::get_if<core::Replied>(&effect)) {
    Saw(*replied);
  }
}

void World::Saw(const core::Confirmed& e) {
  for (Publisher& p : publishers_) {
    if (p.id != e.publisher || p.deaf) continue;
    for (uint64_t s = e.first_sequence; s <= e.last_sequence; ++s) {
      const auto it = p.unconfirmed.find(s);
      if (it == p.unconfirmed.end()) {
        Problem(absl::StrCat(p.lane, ": sequence ", s, " was confirmed out of the blue"));
        continue;
      }
      accounts_.Confirmed(it->second.body, e.outcome);
      p.unconfirmed.erase(it);
    }
  }
}

void World::SawDelivery(const core::Delivery& delivery, const std::string& queue) {
  if (!delivery.message) return Problem("a delivery has no message");
  accounts_.Delivered(*delivery.message, queue, delivery.redelivered);
}

void World::Saw(const core::Delivered& e) {
  Consumer* c = Find(e.consumer);
  if (c == nullptr) return Problem("a delivery goes to nobody");
  const std::string& body = e.delivery.message->body.str();
  if (!c->subscribed) Problem(body + " was delivered before its consumer was told it subscribed");
  if (c->draining) Problem(body + " was delivered to a drained consumer");
  if (e.delivery.tag.value != ++c->last_tag) Problem(body + ": tags have a gap");
  SawDelivery(e.delivery, c->queue);
  c->unsettled.emplace(e.delivery.tag.value, e.delivery.message);
  if (!KeepsAccounts()) return;  // clients may err in what they have settled
  uint64_t bytes = 0;
  for (const auto& [tag, unsettled] : c->unsettled) bytes += unsettled->body.size();
  if (c->unsettled.size() > c->prefetch.messages) Problem("prefetch is exceeded");
  if (c->unsettled.size() > 1 && bytes > c->prefetch.bytes) {
    Problem("prefetch in bytes is exceeded");
  }
}

void World::Saw(const core::Replied& e) {
  if (const auto it = commits_.find(e.request.value); it != commits_.end()) {
    const auto* result = std::get_if<core::CommitResult>(&e.result);
    const bool done = e.status.ok() && result != nullptr && !result->duplicate;
    for (const std::string& body : it->second.published) {
      accounts_.Confirmed(body, done ? core::Outcome::kAccepted : core::Outcome::kRejected);
    }
    if (done) {
      for (const Leased& acked : it->second.acked) {
        accounts_.AckAnswered(*acked.message, acked.queue);
      }
    } else {
      for (const auto& [consumer, unsettled] : it->second.unsettled) {
        Consumer* c = Find({consumer});
        if (c != nullptr) c->unsettled.insert(unsettled.begin(), unsettled.end());
      }
    }
    commits_.erase(it);
  }
  if (const auto* got = std::get_if<core::GetResult>(&e.result)) {
    const std::string queue = gets_.at(e.request.value);
    for (const core::Delivery& d : got->deliveries) {
      SawDelivery(d, queue);
      leases_[d.tag.value] = {d.message, queue};
    }
  }
  if (const auto it = lease_acks_.find(e.request.value); it != lease_acks_.end()) {
    const auto* failures = std::get_if<core::SettleFailures>(&e.result);
    if (failures != nullptr && failures->failures.empty()) {
      for (const Leased& leased : it->second) accounts_.AckAnswered(*leased.message, leased.queue);
    }
    lease_acks_.erase(it);
  }
}

}  // namespace warren::sim
