#include "server/auth/access.h"

#include "absl/strings/str_cat.h"

namespace warren::auth {
namespace {

constexpr std::string_view kDefaultExchange = "amq.default";

absl::string_view Absl(std::string_view s) { return {s.data(), s.size()}; }

const Pattern& PatternOf(const Permissions& permissions, Permission permission) {
  switch (permission) {
    case Permission::kConfigure: return permissions.configure;
    case Permission::kRead: return permissions.read;
    default: return permissions.write;
  }
}

}  // namespace

const std::string& Access::user_name() const {
  static const std::string kNobody;
  return everything() ? kNobody : user_->name;
}

const Permissions* Access::In(std::string_view virtual_host) const {
  const auto it = user_->virtual_hosts.find(virtual_host);
  return it == user_->virtual_hosts.end() ? nullptr : &it->second;
}

absl::Status Access::MayEnter(std::string_view virtual_host) const {
  if (everything() || In(virtual_host) != nullptr) return absl::OkStatus();
  return Refuse(Permission::kVirtualHost, {"virtual_host", virtual_host, virtual_host},
                "give it the virtual host in auth.users");
}

absl::Status Access::May(Permission permission, const Subject& object) const {
  if (everything()) return absl::OkStatus();
  const Permissions* permissions = In(object.virtual_host);
  if (permissions == nullptr) return MayEnter(object.virtual_host);
  const Pattern& pattern = PatternOf(*permissions, permission);
  const bool is_default = object.kind == "exchange" && object.name.empty();
  if (pattern.matches_all() || pattern.Matches(is_default ? kDefaultExchange : object.name)) {
    return absl::OkStatus();
  }
  const std::string remedy(absl::StrCat(
      "its pattern \"", pattern.text(), "\" doesn't match",
      is_default ? " amq.default, as the default exchange is called here" : "",
      "; change it in auth.users"));
  return Refuse(permission, object, remedy);
}

absl::Status Access::Refuse(Permission permission, const Subject& object,
                            std::string_view remedy) const {
  const std::string_view name = kPermissionNames[static_cast<size_t>(permission)];
  const std::string what = permission == Permission::kVirtualHost
                               ? "enter virtual host \"" + std::string(object.name) + "\""
                               : std::string(name) + " " + Describe(object);
  absl::Status status =
      Error(absl::StatusCode::kPermissionDenied, "ACCESS_REFUSED", object,
            std::string(absl::StrCat("user \"", user_->name, "\" may not ", what, ": ",
                                     Absl(remedy))));
  status = WithMetadata(std::move(status), "user", user_->name);
  return WithMetadata(std::move(status), "permission", name);
}

Permission PermissionOf(const absl::Status& refusal) {
  const ErrorInfo info = ErrorInfoOf(refusal);
  const auto it = info.metadata.find("permission");
  for (size_t i = 0; it != info.metadata.end() && i < kPermissions; ++i) {
    if (it->second == kPermissionNames[i]) return static_cast<Permission>(i);
  }
  return Permission::kVirtualHost;
}

}  // namespace warren::auth
