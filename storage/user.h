// Users that operators made by the API; part of the durable vocabulary. What it means to have a tag
// or a permission is server/auth's matter.
#pragma once

#include <string>
#include <vector>

namespace warren::storage {

// Regular expressions over the names of exchanges and queues in a virtual host.
struct UserPermissions {
  std::string virtual_host;
  std::string configure;
  std::string write;
  std::string read;

  bool operator==(const UserPermissions&) const = default;
};

struct User {
  std::string name;
  std::string password_hash;  // "": no login by password
  std::vector<std::string> certificates;
  std::vector<std::string> tags;
  std::vector<UserPermissions> permissions;  // by virtual host, one each

  bool operator==(const User&) const = default;
};

}  // namespace warren::storage
