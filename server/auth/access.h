// What a caller may do: the user behind a login, and the decision about each object.
//
// Immutable; thread-safe.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "server/auth/credentials.h"
#include "server/auth/stats.h"
#include "server/auth/user.h"
#include "server/base/error.h"

namespace warren::auth {

// What a user is to AdminService, with RabbitMQ's meaning; others mean nothing. kAdministrator
// includes the others.
enum class Tag : uint8_t {
  kAdministrator,  // may do everything there
  kMonitoring,     // sees all virtual hosts, connections and consumers, but no message's content
  kPolicymaker,    // sets policies in the virtual hosts that the user may enter
  kManagement,     // what every user may anyway: to see the virtual hosts that they may enter
};

class Access {
 public:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  // Everything: there are no users.
  Access() = default;
  // `user` is one of `directory`.
  Access(std::shared_ptr<const Directory> directory, const User& user, Mechanism mechanism,
         int64_t expires_at_ms)
      : directory_(std::move(directory)),
        user_(&user),
        mechanism_(mechanism),
        expires_at_ms_(expires_at_ms) {}

  // Whether nothing is refused at all.
  bool everything() const { return user_ == nullptr; }
  // "" if there are no users.
  const std::string& user_name() const;
  // REQUIRES: !everything().
  const User& user() const { return *user_; }
  Mechanism mechanism() const { return mechanism_; }
  // When the login ends; kNever, but for tokens.
  int64_t expires_at_ms() const { return expires_at_ms_; }

  // Null if the user may not enter this virtual host.
  const Permissions* In(std::string_view virtual_host) const;

  // PERMISSION_DENIED, reason ACCESS_REFUSED, unless the user may enter.
  absl::Status MayEnter(std::string_view virtual_host) const;
  // The same for one object; `permission` isn't kVirtualHost. The default exchange, "", is called
  // amq.default in permissions, as in RabbitMQ.
  absl::Status May(Permission permission, const Subject& object) const;

  // ---- For AdminService ----

  // Everybody has all of them if there are no users.
  bool Has(Tag tag) const;
  // PERMISSION_DENIED, reason ACCESS_REFUSED, without the tag.
  absl::Status MustHave(Tag tag) const;
  // Whether what is in this virtual host may be seen: by who may enter it, and by kMonitoring.
  bool Sees(std::string_view virtual_host) const;
  // The same as a status: as MayEnter's.
  absl::Status MaySee(std::string_view virtual_host) const;
  // As May, but that kAdministrator may.
  absl::Status MayAsOperator(Permission permission, const Subject& object) const;

 private:
  // What is to be changed for the user to be permitted more.
  std::string_view Where() const { return user_->configured ? "in auth.users" : "by AdminService"; }
  absl::Status Refuse(Permission permission, const Subject& object, std::string_view remedy) const;

  std::shared_ptr<const Directory> directory_;
  const User* user_ = nullptr;  // of directory_
  Mechanism mechanism_ = Mechanism::kNone;
  int64_t expires_at_ms_ = kNever;
};

using AccessPtr = std::shared_ptr<const Access>;

// Which permission was missing, by what the status of a refusal carries; kVirtualHost otherwise.
Permission PermissionOf(const absl::Status& refusal);

}  // namespace warren::auth
