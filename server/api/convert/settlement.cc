#include "server/api/convert/settlement.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/api/convert/error.h"
#include "server/api/convert/limits.h"

namespace warren::api {
namespace {

constexpr std::string_view kReason = "SETTLEMENT_INVALID";

absl::StatusOr<core::SettleOutcome> ToOutcome(v1::SettleOutcome outcome) {
  switch (outcome) {
    case v1::SETTLE_OUTCOME_ACK: return core::SettleOutcome::kAck;
    case v1::SETTLE_OUTCOME_REQUEUE: return core::SettleOutcome::kRequeue;
    case v1::SETTLE_OUTCOME_REJECT: return core::SettleOutcome::kReject;
    case v1::SETTLE_OUTCOME_RETRY: return core::SettleOutcome::kRetry;
    default:
      return InvalidField("outcome", kReason,
                          absl::StrCat("outcome ", static_cast<int>(outcome),
                                       " is none of ACK, REQUEUE, REJECT, RETRY"));
  }
}

}  // namespace

absl::StatusOr<core::Settlement> ToSettlement(const v1::Settlement& proto) {
  const auto outcome = ToOutcome(proto.outcome());
  if (!outcome.ok()) return outcome.status();
  core::Settlement settlement{.outcome = *outcome};
  if (proto.has_retry_delay()) {
    if (*outcome != core::SettleOutcome::kRetry) {
      return InvalidField("retry_delay", kReason,
                          "retry_delay is for outcome RETRY only; leave it out or use RETRY");
    }
    const auto delay = DurationMs("retry_delay", proto.retry_delay());
    if (!delay.ok()) return delay.status();
    settlement.retry_delay_ms = *delay;
  }
  if (proto.delivery_tags().empty() && proto.up_to_delivery_tag() == 0) {
    return InvalidField("delivery_tags", kReason,
                        "the settlement names no delivery; set delivery_tags or "
                        "up_to_delivery_tag");
  }
  settlement.tags.reserve(proto.delivery_tags_size());
  for (const uint64_t tag : proto.delivery_tags()) settlement.tags.push_back({tag});
  settlement.up_to = {proto.up_to_delivery_tag()};
  settlement.subscription = proto.subscription();
  return settlement;
}

absl::StatusOr<std::vector<core::Settlement>> ToSettlements(
    const google::protobuf::RepeatedPtrField<v1::Settlement>& protos) {
  std::vector<core::Settlement> settlements;
  settlements.reserve(protos.size());
  size_t tags = 0;
  for (const v1::Settlement& proto : protos) {
    tags += 1 + static_cast<size_t>(proto.delivery_tags_size());
    if (tags > kMaxTagsInFrame) {
      return InvalidField("settlements", kReason,
                          absl::StrCat("the frame settles more than ", kMaxTagsInFrame,
                                       " deliveries; split it, or use up_to_delivery_tag"));
    }
    auto settlement = ToSettlement(proto);
    if (!settlement.ok()) return settlement.status();
    settlements.push_back(*std::move(settlement));
  }
  return settlements;
}

absl::StatusOr<core::Prefetch> ToPrefetch(uint32_t messages, uint64_t bytes) {
  if (messages > kMaxPrefetchMessages) {
    return InvalidField("prefetch_messages", "PREFETCH_INVALID",
                        absl::StrCat("prefetch_messages is ", messages, "; it may be 1 to ",
                                     kMaxPrefetchMessages, ", or 0 for the default"));
  }
  core::Prefetch prefetch;
  if (messages != 0) prefetch.messages = messages;
  if (bytes != 0) prefetch.bytes = bytes;
  return prefetch;
}

void SetFailures(const std::vector<core::SettleFailure>& failures,
                 google::protobuf::RepeatedPtrField<v1::SettleFailure>* protos) {
  for (const core::SettleFailure& failure : failures) {
    v1::SettleFailure& proto = *protos->Add();
    proto.set_delivery_tag(failure.tag.value);
    if (failure.subscription != 0) proto.set_subscription(failure.subscription);
    SetError(failure.error, proto.mutable_error());
  }
}

}  // namespace warren::api
