// Users that the API made: kept, and made durable, like everything else. What a user may do, and
// whether a change is wise, is for server/auth and server/api to say.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/core/broker_impl.h"

namespace warren::core {
namespace {

// Each change has all of them looked through; a directory for more is another program's affair.
constexpr size_t kMaxUsers = 10'000;

absl::Status NoSuchUser(const std::string& name) {
  const Subject subject{"user", name, ""};
  return Error(absl::StatusCode::kNotFound, "USER_NOT_FOUND", subject,
               absl::StrCat("user \"", name, "\" does not exist; make it first"));
}

// Where the entry for the virtual host is, or would be.
auto PlaceOf(storage::User& user, const std::string& virtual_host) {
  return std::lower_bound(user.permissions.begin(), user.permissions.end(), virtual_host,
                          [](const storage::UserPermissions& entry, const std::string& host) {
                            return entry.virtual_host < host;
                          });
}

bool Erase(storage::User& user, const std::string& virtual_host) {
  return std::erase_if(user.permissions, [&virtual_host](const storage::UserPermissions& entry) {
           return entry.virtual_host == virtual_host;
         }) > 0;
}

}  // namespace

void Broker::Impl::Handle(PutUser& c) {
  const bool is_new = !users_.contains(c.name);
  if (is_new && users_.size() >= kMaxUsers) {
    const Subject subject{"user", c.name, ""};
    return Reply(c.request,
                 Error(absl::StatusCode::kResourceExhausted, "USER_LIMIT", subject,
                       absl::StrCat("there are ", users_.size(), " users, which is the limit; "
                                    "delete some, or have them log in by tokens of fewer users")));
  }
  storage::User& user = users_[c.name];
  user.name = c.name;
  if (c.password_hash) user.password_hash = *std::move(c.password_hash);
  user.certificates = std::move(c.certificates);
  user.tags = std::move(c.tags);
  Changed(user);
  Reply(c.request, absl::OkStatus());
}

void Broker::Impl::Handle(DeleteUser& c) {
  if (users_.erase(c.name) > 0) {
    ledger_.Append(storage::UserDeleted{c.name});
    ledger_.Wait(Effect(UserChanged{.name = c.name, .user = std::nullopt}));
  }
  Reply(c.request, absl::OkStatus());
}

void Broker::Impl::Handle(SetPermissions& c) {
  const auto user = users_.find(c.user);
  if (user == users_.end()) return Reply(c.request, NoSuchUser(c.user));
  const absl::StatusOr<VirtualHost*> host = GetVirtualHost(c.permissions.virtual_host);
  if (!host.ok()) return Reply(c.request, host.status());
  const auto place = PlaceOf(user->second, c.permissions.virtual_host);
  const bool is_there = place != user->second.permissions.end() &&
                        place->virtual_host == c.permissions.virtual_host;
  if (is_there) {
    *place = std::move(c.permissions);
  } else {
    user->second.permissions.insert(place, std::move(c.permissions));
  }
  Changed(user->second);
  Reply(c.request, absl::OkStatus());
}

void Broker::Impl::Handle(ClearPermissions& c) {
  const auto user = users_.find(c.user);
  if (user == users_.end()) return Reply(c.request, NoSuchUser(c.user));
  if (Erase(user->second, c.virtual_host)) Changed(user->second);
  Reply(c.request, absl::OkStatus());
}

void Broker::Impl::ClearPermissionsIn(const std::string& virtual_host) {
  for (auto& [name, user] : users_) {
    if (Erase(user, virtual_host)) Changed(user);
  }
}

void Broker::Impl::Changed(const storage::User& user) {
  ledger_.Append(storage::UserPut{user});
  ledger_.Wait(Effect(UserChanged{.name = user.name, .user = user}));
}

}  // namespace warren::core
