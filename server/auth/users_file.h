// The users file, in YAML (which JSON is, too):
//
//   users:
//     billing:
//       password_hash: $argon2id$v=19$m=65536,t=2,p=1$…    # warren hash-password makes them
//       certificates: [cn:billing, dns:billing.example]
//       tags: [monitoring]
//       virtual_hosts:
//         /: {configure: ^billing\., write: .*, read: ^billing\.}
//
// All but the name may be left out; a permission that is left out permits nothing.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/auth/user.h"

namespace warren::auth {

// INVALID_ARGUMENT names the line. `path` is for errors.
absl::StatusOr<std::shared_ptr<const Directory>> ParseUsers(const std::string& text,
                                                            const std::string& path);

}  // namespace warren::auth
