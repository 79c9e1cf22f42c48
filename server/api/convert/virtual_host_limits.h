// Limits of a virtual host, proto <-> core. Pure functions; thread-safe.
#pragma once

#include "storage/virtual_host_limits.h"
#include "warren/v1/admin.pb.h"

namespace warren::api {

storage::VirtualHostLimits ToLimits(const v1::VirtualHostLimits& proto);
// What isn't limited stays out of `proto`.
void SetLimits(const storage::VirtualHostLimits& limits, v1::VirtualHostLimits* proto);

}  // namespace warren::api
