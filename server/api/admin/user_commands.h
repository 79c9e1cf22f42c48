// Users and permissions as commands, with all that is checked first: for their calls, and for
// definitions. Loop thread only.
#pragma once

#include "absl/status/statusor.h"
#include "server/api/call.h"
#include "server/core/command.h"
#include "warren/v1/admin.pb.h"

namespace warren::api {

// Errors as AdminService's PutUser and SetPermissions. REQUIRES: no password, but its hash or none.
absl::StatusOr<core::Command> PutUserCommand(Api& api, v1::PutUserRequest& request,
                                             core::RequestId id);
absl::StatusOr<core::Command> SetPermissionsCommand(Api& api, v1::SetPermissionsRequest& request,
                                                    core::RequestId id);

}  // namespace warren::api
