// Policies are set and deleted, and what is there goes by them.
//
// A policy counts from the step on for what is declared; what is there already is gone through a
// little at each step, as there may be very many queues, or very many messages that are too much in
// one of them. Only when that is done is the call answered.
#include <algorithm>
#include <utility>

#include "server/core/broker_impl.h"

namespace warren::core {

void Broker::Impl::Handle(PutPolicy& c) {
  const absl::StatusOr<VirtualHost*> host = GetVirtualHost(c.policy.virtual_host);
  if (!host.ok()) return Reply(c.request, host.status());
  absl::Status put = (*host)->policies.Put(c.policy);
  if (!put.ok()) return Reply(c.request, std::move(put));
  ledger_.Append(storage::PolicyPut{std::move(c.policy)});
  BeginPolicyChange(**host, c.request);
}

void Broker::Impl::Handle(DeletePolicy& c) {
  const absl::StatusOr<VirtualHost*> host = GetVirtualHost(c.virtual_host);
  if (!host.ok()) return Reply(c.request, host.status());
  if (!(*host)->policies.Delete(c.name)) return Reply(c.request, absl::OkStatus());
  ledger_.Append(storage::PolicyDeleted{c.virtual_host, c.name});
  BeginPolicyChange(**host, c.request);
}

void Broker::Impl::BeginPolicyChange(VirtualHost& host, RequestId request) {
  auto change = std::find_if(policy_changes_.begin(), policy_changes_.end(),
                             [&host](const PolicyChange& c) { return c.host == &host; });
  if (change == policy_changes_.end()) {
    policy_changes_.push_back({.host = &host});
    change = std::prev(policy_changes_.end());
  }
  // One that was underway begins anew, and answers both.
  change->queue = {};
  change->exchange = {};
  change->asked.push_back(request);
  timers_.GoOffBy(policies_timer_, TimerKind::kPolicies, 0, now_ms_);
}

void Broker::Impl::RunPoliciesTimer() {
  timers_.Stop(policies_timer_, TimerKind::kPolicies, 0);
  while (!policy_changes_.empty() && FollowPolicies(policy_changes_.front())) {
    for (const RequestId request : policy_changes_.front().asked) Reply(request, absl::OkStatus());
    policy_changes_.pop_front();
  }
  if (policy_changes_.empty()) return;
  // With budget left it waits for content of messages to come back to memory.
  const int64_t wait_ms = timed_budget_ > 0 ? 1 : 0;
  timers_.GoOffBy(policies_timer_, TimerKind::kPolicies, 0, now_ms_ + wait_ms);
}

bool Broker::Impl::FollowPolicies(PolicyChange& change) {
  for (; timed_budget_ > 0; --timed_budget_) {
    const auto it = exchanges_.upper_bound(change.exchange);
    if (it == exchanges_.end()) break;
    change.exchange = it->first;
    Exchange& exchange = *it->second;
    if (&exchange.virtual_host == change.host) {
      exchange.policy = change.host->policies.ForExchange(exchange.name);
    }
  }
  for (; timed_budget_ > 0; --timed_budget_) {
    const auto it = queues_.upper_bound(change.queue);
    if (it == queues_.end()) return true;
    Queue& queue = *it->second;
    if (&queue.virtual_host == change.host && !FollowPolicies(queue)) return false;
    change.queue = queue.id;
  }
  return false;
}

bool Broker::Impl::FollowPolicies(Queue& queue) {
  PolicyPtr policy = queue.virtual_host.policies.ForQueue(queue.name);
  if (policy != queue.policy()) {
    const std::optional<int64_t> expires_ms = queue.options().expires_ms;
    queue.Follow(std::move(policy));
    if (queue.options().expires_ms != expires_ms) {
      queue.last_used_ms = now_ms_;  // what it was unused for before was nobody's concern
      SetQueueTimer(queue);
    }
    queue.shrinking = true;
  }
  return !queue.shrinking || Shrink(queue);
}

bool Broker::Impl::Shrink(Queue& queue) {
  const bool drops = queue.options().overflow == storage::OverflowPolicy::kDropHead;
  for (; drops && queue.IsOver(0, 0) && timed_budget_ > 0 && !HasManyDying(queue); --timed_budget_) {
    Entry* entry = queue.ready().oldest_of_lowest();
    Take(queue, *entry);
    Kill(queue, *entry, storage::DeathReason::kMaxlen);
  }
  queue.shrinking = drops && queue.IsOver(0, 0);
  Dispatch(queue);  // a smaller message may be at the head now, one that a consumer has room for
  return !queue.shrinking;
}

void Broker::Impl::AbandonPolicyChange(const VirtualHost& host, const absl::Status& status) {
  const auto change = std::find_if(policy_changes_.begin(), policy_changes_.end(),
                                   [&host](const PolicyChange& c) { return c.host == &host; });
  if (change == policy_changes_.end()) return;
  for (const RequestId request : change->asked) Reply(request, status);
  policy_changes_.erase(change);
}

}  // namespace warren::core
