// Settlements, proto <-> core. Pure functions; thread-safe.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "server/core/command.h"
#include "server/core/effect.h"
#include "warren/v1/broker.pb.h"

namespace warren::api {

// INVALID_ARGUMENT, reason SETTLEMENT_INVALID: no or unknown outcome, a retry delay with an outcome
// other than RETRY, nothing settled at all.
absl::StatusOr<core::Settlement> ToSettlement(const v1::Settlement& proto);

// All of a frame; over 65,536 tags and settlements together: the same error.
absl::StatusOr<std::vector<core::Settlement>> ToSettlements(
    const google::protobuf::RepeatedPtrField<v1::Settlement>& protos);

// 0 is the default; over 65,535 messages: INVALID_ARGUMENT, reason PREFETCH_INVALID.
absl::StatusOr<core::Prefetch> ToPrefetch(uint32_t messages, uint64_t bytes);

void SetFailures(const std::vector<core::SettleFailure>& failures,
                 google::protobuf::RepeatedPtrField<v1::SettleFailure>* protos);

}  // namespace warren::api
