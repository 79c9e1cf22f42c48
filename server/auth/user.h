// Who may log in, how, and what for: the users of the users file, and those that the API made,
// which are in the store.
//
// Immutable once made; thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/base/pattern.h"
#include "storage/user.h"

namespace warren::auth {

// What a user may do in one virtual host, with RabbitMQ's meaning:
struct Permissions {
  Pattern configure;  // declare and delete exchanges and queues
  Pattern write;      // publish to an exchange, bind to a queue or exchange
  Pattern read;       // consume, get and purge a queue, bind from an exchange
};

struct User {
  std::string name;
  // As password.h reads it; "": no login by password.
  std::string password_hash;
  // Names in certificates that log in as this user: "cn:…", "dns:…", "uri:…" or "email:…".
  std::vector<std::string> certificates;
  // As in RabbitMQ: administrator, monitoring, …; see Tag in access.h.
  std::vector<std::string> tags;
  std::map<std::string, Permissions, std::less<>> virtual_hosts;
  bool configured = true;  // by the users file, which alone changes them then
};

// INVALID_ARGUMENT for a name, a hash or a certificate that is none.
absl::Status CheckUser(const User& user);

// An expression that isn't one any more permits nothing.
User FromStored(const storage::User& stored);

using UserPtr = std::shared_ptr<const User>;

class Directory {
 public:
  // INVALID_ARGUMENT if a name, or a certificate's name, is there twice, or a hash is none.
  static absl::StatusOr<std::shared_ptr<const Directory>> Make(std::vector<User> users);

  // Those of `configured` (null: none), and those of `stored` whose names it doesn't have. A
  // certificate's name that two of them have is the first one's; by the file, then by name.
  static std::shared_ptr<const Directory> Join(const Directory* configured,
                                               const std::map<std::string, UserPtr>& stored);

  const User* Find(std::string_view name) const;
  // The user that the first of these names belongs to that belongs to anybody.
  const User* FindByCertificate(const std::vector<std::string>& names) const;
  const std::map<std::string, UserPtr, std::less<>>& users() const { return users_; }

 private:
  Directory() = default;

  std::map<std::string, UserPtr, std::less<>> users_;
  std::map<std::string, const User*, std::less<>> by_certificate_;
};

}  // namespace warren::auth
