// Policies, proto -> core and back. Pure functions; thread-safe.
#pragma once

#include "absl/status/statusor.h"
#include "storage/policy.h"
#include "warren/v1/admin.pb.h"

namespace warren::api {

// INVALID_ARGUMENT: reason NAME_INVALID or NAME_MISSING; PATTERN_INVALID without one (whether it is
// one, the core says); OPTION_INVALID for what is out of range, unknown, or not for a policy to set.
absl::StatusOr<storage::Policy> ToPolicy(const v1::Policy& proto);
// What it doesn't set is left out.
void SetPolicy(const storage::Policy& policy, v1::Policy* proto);

}  // namespace warren::api
