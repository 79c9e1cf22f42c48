#include "server/api/convert/policy.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "server/api/convert/limits.h"
#include "server/api/convert/topology.h"

namespace warren::api {
namespace {

constexpr char kReason[] = "OPTION_INVALID";

// The name of an option that isn't for a policy to set; "" if there is none.
std::string_view NotForPolicies(const v1::QueueOptions& options) {
  if (options.durable()) return "durable";
  if (options.exclusive()) return "exclusive";
  if (options.auto_delete()) return "auto_delete";
  if (options.max_priority() != 0) return "max_priority";
  if (options.has_retry()) return "retry";
  if (options.has_deduplication_window()) return "deduplication_window";
  return "";
}

}  // namespace

absl::StatusOr<storage::Policy> ToPolicy(const v1::Policy& proto) {
  if (absl::Status s = CheckName("policy.virtual_host", proto.virtual_host()); !s.ok()) return s;
  if (absl::Status s = CheckRequiredName("policy.name", proto.name()); !s.ok()) return s;
  if (absl::Status s = CheckName("policy.alternate_exchange", proto.alternate_exchange()); !s.ok()) {
    return s;
  }
  if (proto.pattern().empty()) {
    return InvalidField("policy.pattern", "PATTERN_INVALID",
                        "policy.pattern is required; .* matches every name");
  }
  const std::string_view other = NotForPolicies(proto.queue_options());
  if (!other.empty()) {
    return InvalidField("policy.queue_options", kReason,
                        std::string("policy.queue_options: a policy can't set ") +
                            std::string(other) + "; declare queues with it");
  }
  auto queue = ToQueueOptions(proto.queue_options());
  if (!queue.ok()) return queue.status();
  storage::Policy policy{.virtual_host = VirtualHostName(proto.virtual_host()),
                         .name = proto.name(),
                         .pattern = proto.pattern(),
                         .priority = proto.priority(),
                         .queue = *std::move(queue),
                         .alternate_exchange = proto.alternate_exchange()};
  switch (proto.target()) {
    case v1::POLICY_TARGET_UNSPECIFIED:
    case v1::POLICY_TARGET_ALL: policy.target = storage::PolicyTarget::kAll; break;
    case v1::POLICY_TARGET_QUEUES: policy.target = storage::PolicyTarget::kQueues; break;
    case v1::POLICY_TARGET_EXCHANGES: policy.target = storage::PolicyTarget::kExchanges; break;
    default:
      return InvalidField("policy.target", kReason,
                          absl::StrCat("policy.target ", static_cast<int>(proto.target()),
                                       " is none of ALL, QUEUES, EXCHANGES"));
  }
  return policy;
}

void SetPolicy(const storage::Policy& policy, v1::Policy* proto) {
  proto->set_virtual_host(policy.virtual_host);
  proto->set_name(policy.name);
  proto->set_pattern(policy.pattern);
  proto->set_target(static_cast<v1::PolicyTarget>(policy.target));  // the same numbers
  proto->set_priority(policy.priority);
  if (policy.queue != storage::QueueOptions()) {
    SetQueueOptions(policy.queue, proto->mutable_queue_options());
    if (policy.queue.overflow == storage::OverflowPolicy::kDropHead) {
      proto->mutable_queue_options()->clear_overflow();
    }
  }
  proto->set_alternate_exchange(policy.alternate_exchange);
}

}  // namespace warren::api
