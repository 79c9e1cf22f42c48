#include "server/auth/access.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace warren::auth {
namespace {

constexpr std::string_view kDefaultExchange = "amq.default";

absl::string_view Absl(std::string_view s) { return {s.data(), s.size()}; }

constexpr std::string_view TagName(Tag tag) {
  switch (tag) {
    case Tag::kAdministrator: return "administrator";
    case Tag::kMonitoring: return "monitoring";
    case Tag::kPolicymaker: return "policymaker";
    case Tag::kManagement: return "management";
  }
  return "";
}

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
                "give it the virtual host " + std::string(Where()));
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
      "; change it ", Absl(Where())));
  return Refuse(permission, object, remedy);
}

bool Access::Has(Tag tag) const {
  if (everything()) return true;
  const std::vector<std::string>& tags = user_->tags;
  const auto has = [&tags](Tag t) {
    return std::find(tags.begin(), tags.end(), TagName(t)) != tags.end();
  };
  return has(tag) || has(Tag::kAdministrator);
}

absl::Status Access::MustHave(Tag tag) const {
  if (Has(tag)) return absl::OkStatus();
  const std::string_view name = TagName(tag);
  return Refuse(Permission::kTag, {"tag", name, ""}, "give it the tag " + std::string(Where()));
}

bool Access::Sees(std::string_view virtual_host) const {
  return Has(Tag::kMonitoring) || In(virtual_host) != nullptr;
}

absl::Status Access::MaySee(std::string_view virtual_host) const {
  return Sees(virtual_host) ? absl::OkStatus() : MayEnter(virtual_host);
}

absl::Status Access::MayAsOperator(Permission permission, const Subject& object) const {
  return Has(Tag::kAdministrator) ? absl::OkStatus() : May(permission, object);
}

absl::Status Access::Refuse(Permission permission, const Subject& object,
                            std::string_view remedy) const {
  const std::string_view name = kPermissionNames[static_cast<size_t>(permission)];
  const std::string what =
      permission == Permission::kVirtualHost
          ? "enter virtual host \"" + std::string(object.name) + "\""
      : permission == Permission::kTag ? "do what takes the tag " + std::string(object.name)
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
