// Who may log in, how, and what for. A users file fills it; anything else may, too.
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
#include "server/auth/pattern.h"

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
};

class Directory {
 public:
  // INVALID_ARGUMENT if a name, or a certificate's name, is there twice, or a hash is none.
  static absl::StatusOr<std::shared_ptr<const Directory>> Make(std::vector<User> users);

  const User* Find(std::string_view name) const;
  // The user that the first of these names belongs to that belongs to anybody.
  const User* FindByCertificate(const std::vector<std::string>& names) const;
  size_t size() const { return users_.size(); }

 private:
  Directory() = default;

  std::map<std::string, User, std::less<>> users_;
  std::map<std::string, const User*, std::less<>> by_certificate_;
};

}  // namespace warren::auth
