// Users and accesses for tests of server/auth.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/auth/access.h"
#include "server/auth/user.h"

namespace warren::auth {

inline Pattern MadePattern(const std::string& text) { return *Pattern::Make(text); }

// A user who may do what these patterns say, in "/".
inline User MadeUser(const std::string& name, const std::string& configure,
                     const std::string& write, const std::string& read) {
  User user{.name = name};
  user.virtual_hosts["/"] = {MadePattern(configure), MadePattern(write), MadePattern(read)};
  return user;
}

inline AccessPtr AccessOf(User user) {
  const std::string name = user.name;
  std::vector<User> users;
  users.push_back(std::move(user));
  const auto directory = *Directory::Make(std::move(users));
  return std::make_shared<const Access>(directory, *directory->Find(name), Mechanism::kBasic,
                                        Access::kNever);
}

}  // namespace warren::auth
