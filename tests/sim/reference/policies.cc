// Policies, by the plainest means: all names against all policies, at each change.
#include <algorithm>
#include <optional>
#include <utility>

#include "server/base/check.h"
#include "server/base/pattern.h"
#include "tests/sim/reference/reference.h"

namespace warren::sim {
namespace {

template <typename Number>
Number Least(Number declared, Number set) {
  if (declared == 0) return set;
  return set == 0 || declared < set ? declared : set;
}

std::optional<int64_t> Least(std::optional<int64_t> declared, std::optional<int64_t> set) {
  if (!declared) return set;
  return !set || *declared < *set ? declared : set;
}

}  // namespace

const ReferencePolicy* ReferenceState::PolicyFor(const std::string& name,
                                                 storage::PolicyTarget target) const {
  const ReferencePolicy* first = nullptr;
  for (const auto& [policy_name, policy] : policies) {  // by name
    const storage::PolicyTarget is_for = policy.policy.target;
    if (is_for != storage::PolicyTarget::kAll && is_for != target) continue;
    const auto pattern = Pattern::Make(policy.policy.pattern);
    WARREN_CHECK(pattern.ok());
    if (!pattern->Matches(name)) continue;
    if (first == nullptr || policy.policy.priority > first->policy.priority) first = &policy;
  }
  return first;
}

void ReferenceState::FollowPolicy(ReferenceQueue& queue) const {
  const ReferencePolicy* policy = PolicyFor(queue.name, storage::PolicyTarget::kQueues);
  queue.policy = policy != nullptr ? policy->number : 0;
  queue.options = queue.declared;
  if (policy == nullptr) return;
  const storage::QueueOptions& sets = policy->policy.queue;
  storage::QueueOptions& options = queue.options;
  options.expires_ms = Least(options.expires_ms, sets.expires_ms);
  options.message_ttl_ms = Least(options.message_ttl_ms, sets.message_ttl_ms);
  options.max_length = Least(options.max_length, sets.max_length);
  options.max_length_bytes = Least(options.max_length_bytes, sets.max_length_bytes);
  options.delivery_limit = Least(options.delivery_limit, sets.delivery_limit);
  const bool silent = options.overflow == storage::OverflowPolicy::kDropHead;
  if (silent) options.overflow = sets.overflow;
  if (!options.dead_letter_exchange) options.dead_letter_exchange = sets.dead_letter_exchange;
  if (!options.dead_letter_routing_key) {
    options.dead_letter_routing_key = sets.dead_letter_routing_key;
  }
}

void ReferenceState::FollowPolicy(ReferenceExchange& exchange) const {
  const ReferencePolicy* policy = PolicyFor(exchange.name, storage::PolicyTarget::kExchanges);
  exchange.options = exchange.declared;
  if (policy != nullptr && exchange.options.alternate_exchange.empty()) {
    exchange.options.alternate_exchange = policy->policy.alternate_exchange;
  }
}

void Reference::Handle(const core::PutPolicy& c) {
  state_.policies[c.policy.name] = {.number = ++last_policy_, .policy = c.policy};
  RestOn(open_lsn_);
  policy_changed_ = c.request;
}

void Reference::Handle(const core::DeletePolicy& c) {
  if (state_.policies.erase(c.name) == 0) return Reply(c.request, absl::OkStatus());
  RestOn(open_lsn_);
  policy_changed_ = c.request;
}

// Behind all that was due.
void Reference::FollowPolicies() {
  if (!policy_changed_) return;
  for (ReferenceExchange& exchange : state_.exchanges) state_.FollowPolicy(exchange);
  for (auto& [number, queue] : state_.queues) {
    const uint64_t policy = queue.policy;
    const std::optional<int64_t> expires_ms = queue.options.expires_ms;
    state_.FollowPolicy(queue);
    if (queue.policy == policy) continue;
    if (queue.options.expires_ms != expires_ms) queue.last_used_ms = now_ms_;
    EnforceLength(queue);
    Dispatch(queue);
  }
  Reply(*std::exchange(policy_changed_, std::nullopt), absl::OkStatus());
}

}  // namespace warren::sim
