// ListUsers, PutUser, DeleteUser, SetPermissions, ClearPermissions.
//
// What is checked here against who there is, and the command that rests on it, are of the same turn
// of the loop, so no other change comes in between.
#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/api/admin/list.h"
#include "server/api/admin/user_commands.h"
#include "server/api/handlers.h"
#include "server/api/unary.h"
#include "server/auth/password.h"
#include "server/auth/user.h"
#include "server/base/error.h"

namespace warren::api {
namespace {

constexpr size_t kMaxPasswordBytes = 1024;
constexpr int kMaxEntries = 100;  // tags of a user, or certificates
constexpr size_t kMaxCertificateBytes = 1024;
constexpr std::string_view kAdministrator = "administrator";

std::string Text(absl::string_view text) { return {text.data(), text.size()}; }

std::vector<std::string> ToVector(const google::protobuf::RepeatedPtrField<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

void SetUser(const auth::User& user, v1::User& proto) {
  proto.set_name(user.name);
  for (const std::string& tag : user.tags) proto.add_tags(tag);
  proto.set_has_password(!user.password_hash.empty());
  for (const std::string& name : user.certificates) proto.add_certificates(name);
  for (const auto& [host, permissions] : user.virtual_hosts) {
    v1::Permissions& to = (*proto.mutable_permissions())[host];
    to.set_configure(permissions.configure.text());
    to.set_write(permissions.write.text());
    to.set_read(permissions.read.text());
  }
  proto.set_configured(user.configured);
}

// Of the users file and of the store, by name.
class ListUsers : public PlainList {
 public:
  using Request = v1::ListUsersRequest;
  using Response = v1::ListUsersResponse;
  static constexpr auto kRequest = &RawAdminService::RequestListUsers;
  static constexpr std::string_view kName = "users";
  static constexpr size_t kNumbers = 0;

  void GoTo(PagePlace place) { after_ = std::move(place.text); }
  PagePlace Place() const { return {.numbers = {}, .text = after_}; }
  static absl::Status Begin(const Caller& caller, Request&) {
    return caller.access.MustHave(auth::Tag::kAdministrator);
  }

  bool Walk(const Caller& caller, core::PartLimits limits, Response& response) {
    const auto file = caller.api.authenticator.configured();
    const auto& stored = caller.broker().users();
    auto next_stored = stored.upper_bound(after_);
    if (file == nullptr) {
      for (; next_stored != stored.end() && limits.items > 0; ++next_stored, --limits.items) {
        Add(auth::FromStored(next_stored->second), response);
      }
      return next_stored == stored.end();
    }
    auto next = file->users().upper_bound(after_);
    for (; limits.items > 0; --limits.items) {
      const bool configured_left = next != file->users().end();
      const bool stored_left = next_stored != stored.end();
      if (!configured_left && !stored_left) return true;
      if (configured_left && (!stored_left || next->first <= next_stored->first)) {
        if (stored_left && next->first == next_stored->first) ++next_stored;  // the file's counts
        Add(*next->second, response);
        ++next;
      } else {
        Add(auth::FromStored(next_stored->second), response);
        ++next_stored;
      }
    }
    return next == file->users().end() && next_stored == stored.end();
  }
  static int Size(const Response& response) { return response.users_size(); }

 private:
  void Add(const auth::User& user, Response& response) {
    SetUser(user, *response.add_users());
    after_ = user.name;
  }

  std::string after_;
};

// ---- What a change is checked for ----

Subject UserSubject(const std::string& name) { return {"user", name, ""}; }
std::string Describe(const std::string& user) { return "user \"" + user + "\""; }

absl::Status CheckNotConfigured(Api& api, const std::string& name) {
  const auto file = api.authenticator.configured();
  if (file == nullptr || file->Find(name) == nullptr) return absl::OkStatus();
  const Subject subject = UserSubject(name);
  return Error(absl::StatusCode::kFailedPrecondition, "USER_IS_CONFIGURED", subject,
               std::string(absl::StrCat(Describe(name),
                                        " is in the users file, which alone changes it; edit "
                                        "auth.users, or choose another name")));
}

absl::Status CheckUserName(std::string_view field, const std::string& name) {
  if (absl::Status s = CheckRequiredName(field, name); !s.ok()) return s;
  if (name.find(':') == std::string::npos) return absl::OkStatus();
  return InvalidField(field, "NAME_INVALID",
                      std::string(field) + ": a user's name has no colon, which ends it in a login");
}

// Who can't log in administers nothing.
template <typename SomeUser>
bool IsAdministrator(const Api& api, const SomeUser& user) {
  const bool can_log_in = !user.password_hash.empty() || !user.certificates.empty() ||
                          api.authenticator.takes_tokens();
  return can_log_in &&
         std::find(user.tags.begin(), user.tags.end(), kAdministrator) != user.tags.end();
}

// Whether somebody is left who can change users if that one becomes `after`, or goes. The first user
// closes the door, so the same holds for it: it has to be one who can open it for others.
absl::Status CheckAdministratorLeft(Api& api, const std::string& name, const storage::User* after) {
  if (after != nullptr && IsAdministrator(api, *after)) return absl::OkStatus();
  const auto file = api.authenticator.configured();
  if (file != nullptr) {
    for (const auto& [other, user] : file->users()) {
      if (IsAdministrator(api, *user)) return absl::OkStatus();
    }
  }
  const auto& stored = api.loop.broker().users();
  // Nobody administers what nobody made; deleting who isn't there changes nothing.
  if (after == nullptr && !stored.contains(name)) return absl::OkStatus();
  for (const auto& [other, user] : stored) {
    const bool hidden = file != nullptr && file->Find(other) != nullptr;
    if (other != name && !hidden && IsAdministrator(api, user)) return absl::OkStatus();
  }
  const Subject subject = UserSubject(name);
  return Error(absl::StatusCode::kFailedPrecondition, "LAST_ADMINISTRATOR", subject,
               std::string(absl::StrCat(
                   Describe(name), ": after this nobody could administer the broker; first make "
                   "a user with the tag administrator and a password or certificate")));
}

absl::Status CheckCertificatesFree(Api& api, const storage::User& user) {
  const auto file = api.authenticator.configured();
  for (const std::string& name : user.certificates) {
    std::string owner;
    if (const auth::User* of = file != nullptr ? file->FindByCertificate({name}) : nullptr) {
      owner = of->name;
    }
    for (const auto& [other, stored] : api.loop.broker().users()) {
      if (other == user.name) continue;
      const auto& names = stored.certificates;
      if (std::find(names.begin(), names.end(), name) != names.end()) owner = other;
    }
    if (owner.empty()) continue;
    const Subject subject = UserSubject(user.name);
    return Error(absl::StatusCode::kFailedPrecondition, "CERTIFICATE_IN_USE", subject,
                 std::string(absl::StrCat(Describe(user.name), ": certificate \"", name,
                                          "\" logs in user \"", owner,
                                          "\"; take it from them first")));
  }
  return absl::OkStatus();
}

absl::Status CheckTexts(std::string_view field, std::string_view reason,
                        const google::protobuf::RepeatedPtrField<std::string>& texts,
                        size_t max_bytes) {
  const bool fit = texts.size() <= kMaxEntries &&
                   std::all_of(texts.begin(), texts.end(), [max_bytes](const std::string& text) {
                     return !text.empty() && text.size() <= max_bytes && IsUtf8(text);
                   });
  if (fit) return absl::OkStatus();
  return InvalidField(field, reason,
                      std::string(absl::StrCat(absl::string_view(field.data(), field.size()),
                                               ": at most ", kMaxEntries, " of 1 to ", max_bytes,
                                               " bytes of UTF-8 each")));
}

// ---- The calls ----

struct UsersCommand : AnsweredEmpty {
  static constexpr auth::Tag kTag = auth::Tag::kAdministrator;
};

struct PutUser : UsersCommand {
  using Request = v1::PutUserRequest;
  using Response = v1::PutUserResponse;
  static constexpr auto kRequest = &RawAdminService::RequestPutUser;

  // One that won't do is left for ToCommand, which says why.
  static std::string* Password(Request& request) {
    return IsPassword(request) ? request.mutable_password() : nullptr;
  }
  static absl::Status SetHash(Request& request, std::string hash) {
    if (hash.empty()) {
      return Error(absl::StatusCode::kResourceExhausted, "PASSWORD_NOT_HASHED",
                   UserSubject(request.name()),
                   "there is no memory to hash the password; try again later");
    }
    request.set_password_hash(std::move(hash));
    return absl::OkStatus();
  }

  static Audit ToAudit(const Request& request) { return {"user put", request.name(), ""}; }

  static absl::StatusOr<core::Command> ToCommand(Api& api, Request& request, core::RequestId id) {
    if (absl::Status s = CheckForm(request); !s.ok()) return s;
    core::PutUser command{.request = id,
                          .name = request.name(),
                          .password_hash = std::nullopt,
                          .certificates = ToVector(request.certificates()),
                          .tags = ToVector(request.tags())};
    if (request.login_case() == Request::kPasswordHash) {
      command.password_hash = request.password_hash();
    }
    if (absl::Status s = CheckNotConfigured(api, command.name); !s.ok()) return s;
    const storage::User after = After(api, command);
    if (absl::Status s = CheckCertificatesFree(api, after); !s.ok()) return s;
    if (absl::Status s = CheckAdministratorLeft(api, after.name, &after); !s.ok()) return s;
    return command;
  }

 private:
  static bool IsPassword(const Request& request) {
    return request.login_case() == Request::kPassword && !request.password().empty() &&
           request.password().size() <= kMaxPasswordBytes;
  }

  static absl::Status CheckForm(const Request& request) {
    if (absl::Status s = CheckUserName("name", request.name()); !s.ok()) return s;
    if (request.login_case() == Request::kPassword) {
      return InvalidField("password", "PASSWORD_INVALID", "password: it has 1 to 1024 bytes");
    }
    absl::Status s = CheckTexts("tags", "TAG_INVALID", request.tags(), kMaxNameBytes);
    if (s.ok()) {
      s = CheckTexts("certificates", "CERTIFICATE_INVALID", request.certificates(),
                     kMaxCertificateBytes);
    }
    if (!s.ok()) return s;
    s = auth::CheckUser({.name = request.name(),
                         .password_hash = request.password_hash(),
                         .certificates = ToVector(request.certificates()),
                         .tags = {},
                         .virtual_hosts = {}});
    return s.ok() ? s : InvalidField("name", "USER_INVALID", Text(s.message()));
  }

  static storage::User After(Api& api, const core::PutUser& command) {
    storage::User after;
    const auto& stored = api.loop.broker().users();
    if (const auto it = stored.find(command.name); it != stored.end()) after = it->second;
    after.name = command.name;
    after.certificates = command.certificates;
    after.tags = command.tags;
    if (command.password_hash) after.password_hash = *command.password_hash;
    return after;
  }
};

struct DeleteUser : UsersCommand {
  using Request = v1::DeleteUserRequest;
  using Response = v1::DeleteUserResponse;
  static constexpr auto kRequest = &RawAdminService::RequestDeleteUser;

  static Audit ToAudit(const Request& request) { return {"user deleted", request.name(), ""}; }

  static absl::StatusOr<core::Command> ToCommand(Api& api, Request& request, core::RequestId id) {
    if (absl::Status s = CheckUserName("name", request.name()); !s.ok()) return s;
    if (absl::Status s = CheckNotConfigured(api, request.name()); !s.ok()) return s;
    if (absl::Status s = CheckAdministratorLeft(api, request.name(), nullptr); !s.ok()) return s;
    return core::DeleteUser{.request = id, .name = request.name()};
  }
};

struct SetPermissions : UsersCommand {
  using Request = v1::SetPermissionsRequest;
  using Response = v1::SetPermissionsResponse;
  static constexpr auto kRequest = &RawAdminService::RequestSetPermissions;

  static Audit ToAudit(const Request& request) {
    return {"permissions set", request.user(), VirtualHostName(request.virtual_host())};
  }

  static absl::StatusOr<core::Command> ToCommand(Api& api, Request& request, core::RequestId id) {
    if (absl::Status s = CheckUserName("user", request.user()); !s.ok()) return s;
    if (absl::Status s = CheckName("virtual_host", request.virtual_host()); !s.ok()) return s;
    const v1::Permissions& permissions = request.permissions();
    for (const auto& [field, pattern] :
         {std::pair("permissions.configure", permissions.configure()),
          std::pair("permissions.write", permissions.write()),
          std::pair("permissions.read", permissions.read())}) {
      const auto made = Pattern::Make(pattern);
      if (made.ok()) continue;
      return InvalidField(field, "PATTERN_INVALID",
                          absl::StrCat(field, ": ", made.status().message()));
    }
    if (absl::Status s = CheckNotConfigured(api, request.user()); !s.ok()) return s;
    return core::SetPermissions{
        .request = id,
        .user = request.user(),
        .permissions = {.virtual_host = VirtualHostName(request.virtual_host()),
                        .configure = permissions.configure(),
                        .write = permissions.write(),
                        .read = permissions.read()}};
  }
};

struct ClearPermissions : UsersCommand {
  using Request = v1::ClearPermissionsRequest;
  using Response = v1::ClearPermissionsResponse;
  static constexpr auto kRequest = &RawAdminService::RequestClearPermissions;

  static Audit ToAudit(const Request& request) {
    return {"permissions cleared", request.user(), VirtualHostName(request.virtual_host())};
  }

  static absl::StatusOr<core::Command> ToCommand(Api& api, Request& request, core::RequestId id) {
    if (absl::Status s = CheckUserName("user", request.user()); !s.ok()) return s;
    if (absl::Status s = CheckName("virtual_host", request.virtual_host()); !s.ok()) return s;
    if (absl::Status s = CheckNotConfigured(api, request.user()); !s.ok()) return s;
    return core::ClearPermissions{.request = id,
                                  .user = request.user(),
                                  .virtual_host = VirtualHostName(request.virtual_host())};
  }
};

}  // namespace

absl::StatusOr<core::Command> PutUserCommand(Api& api, v1::PutUserRequest& request,
                                             core::RequestId id) {
  return PutUser::ToCommand(api, request, id);
}

absl::StatusOr<core::Command> SetPermissionsCommand(Api& api, v1::SetPermissionsRequest& request,
                                                    core::RequestId id) {
  return SetPermissions::ToCommand(api, request, id);
}

void ServeAdminUsers(Api& api) {
  const auto service = v1::AdminService::service_full_name();
  ServeList<ListUsers>(api, "ListUsers");
  ServeUnary<PutUser>(api, "PutUser", service);
  ServeUnary<DeleteUser>(api, "DeleteUser", service);
  ServeUnary<SetPermissions>(api, "SetPermissions", service);
  ServeUnary<ClearPermissions>(api, "ClearPermissions", service);
}

}  // namespace warren::api
