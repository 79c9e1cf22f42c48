#include "server/core/policies.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"

namespace warren::core {
namespace {

// Of numbers whose 0 is no limit.
template <typename Number>
Number SmallerLimit(Number a, Number b) {
  return a == 0 || b == 0 ? std::max(a, b) : std::min(a, b);
}

std::optional<int64_t> Shorter(const std::optional<int64_t>& a, const std::optional<int64_t>& b) {
  return a && b ? std::min(a, b) : (a ? a : b);
}

}  // namespace

storage::QueueOptions Merge(const storage::QueueOptions& declared, const storage::Policy& policy) {
  storage::QueueOptions merged = declared;
  const storage::QueueOptions& by_policy = policy.queue;
  merged.expires_ms = Shorter(declared.expires_ms, by_policy.expires_ms);
  merged.message_ttl_ms = Shorter(declared.message_ttl_ms, by_policy.message_ttl_ms);
  merged.max_length = SmallerLimit(declared.max_length, by_policy.max_length);
  merged.max_length_bytes = SmallerLimit(declared.max_length_bytes, by_policy.max_length_bytes);
  merged.delivery_limit = SmallerLimit(declared.delivery_limit, by_policy.delivery_limit);
  if (declared.overflow == storage::OverflowPolicy::kDropHead) merged.overflow = by_policy.overflow;
  if (!declared.dead_letter_exchange) merged.dead_letter_exchange = by_policy.dead_letter_exchange;
  if (!declared.dead_letter_routing_key) {
    merged.dead_letter_routing_key = by_policy.dead_letter_routing_key;
  }
  return merged;
}

absl::Status Policies::Put(storage::Policy policy) {
  const Subject subject{"policy", policy.name, policy.virtual_host};
  const auto existing = by_name_.find(policy.name);
  if (existing == by_name_.end() && by_name_.size() >= kMax) {
    return Error(absl::StatusCode::kResourceExhausted, "POLICY_LIMIT", subject,
                 absl::StrCat(Describe(subject), ": the virtual host has ", by_name_.size(),
                              " policies, which is the limit; delete some, or let one pattern match "
                              "more names"));
  }
  absl::StatusOr<Pattern> pattern = Pattern::Make(policy.pattern);
  if (!pattern.ok()) {
    return Error(absl::StatusCode::kInvalidArgument, "PATTERN_INVALID", subject,
                 absl::StrCat(Describe(subject), ": ", pattern.status().message()));
  }
  if (existing != by_name_.end()) by_rank_.erase(RankOf(*existing->second));
  const auto shared = std::make_shared<const storage::Policy>(std::move(policy));
  by_name_[shared->name] = shared;
  by_rank_.emplace(RankOf(*shared), Ranked{shared, *std::move(pattern)});
  return absl::OkStatus();
}

bool Policies::Delete(const std::string& name) {
  const auto it = by_name_.find(name);
  if (it == by_name_.end()) return false;
  by_rank_.erase(RankOf(*it->second));
  by_name_.erase(it);
  return true;
}

PolicyPtr Policies::ForQueue(std::string_view name) const {
  return First(name, storage::PolicyTarget::kQueues);
}

PolicyPtr Policies::ForExchange(std::string_view name) const {
  // The default exchange is nobody's to change.
  return name.empty() ? nullptr : First(name, storage::PolicyTarget::kExchanges);
}

const storage::Policy* Policies::Find(const std::string& name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : it->second.get();
}

PolicyPtr Policies::First(std::string_view name, storage::PolicyTarget target) const {
  for (const auto& [rank, ranked] : by_rank_) {
    const bool is_for_it = ranked.policy->target == storage::PolicyTarget::kAll ||
                           ranked.policy->target == target;
    if (is_for_it && ranked.pattern.Matches(name)) return ranked.policy;
  }
  return nullptr;
}

}  // namespace warren::core
