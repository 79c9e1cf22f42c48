#include "server/auth/user.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/auth/password.h"

namespace warren::auth {
namespace {

constexpr size_t kMaxNameBytes = 255;

bool IsCertificateName(std::string_view name) {
  for (const std::string_view kind : {"cn:", "dns:", "uri:", "email:"}) {
    if (name.starts_with(kind) && name.size() > kind.size()) return true;
  }
  return false;
}

}  // namespace

absl::Status CheckUser(const User& user) {
  if (user.name.empty() || user.name.size() > kMaxNameBytes ||
      user.name.find(':') != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", user.name, "\": a user's name has 1 to 255 bytes and no colon"));
  }
  if (!user.password_hash.empty() && !IsPasswordHash(user.password_hash)) {
    return absl::InvalidArgumentError(
        absl::StrCat("user \"", user.name,
                     "\": password_hash is none; warren hash-password makes them"));
  }
  for (const std::string& name : user.certificates) {
    if (IsCertificateName(name)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("user \"", user.name, "\": certificate \"", name,
                     "\" is neither cn:…, dns:…, uri:… nor email:…"));
  }
  return absl::OkStatus();
}

User FromStored(const storage::User& stored) {
  User user{.name = stored.name,
            .password_hash = stored.password_hash,
            .certificates = stored.certificates,
            .tags = stored.tags,
            .virtual_hosts = {},
            .configured = false};
  const auto pattern = [](const std::string& text) {
    return Pattern::Make(text).value_or(Pattern());
  };
  for (const storage::UserPermissions& p : stored.permissions) {
    user.virtual_hosts[p.virtual_host] = {pattern(p.configure), pattern(p.write), pattern(p.read)};
  }
  return user;
}

absl::StatusOr<std::shared_ptr<const Directory>> Directory::Make(std::vector<User> users) {
  const std::shared_ptr<Directory> directory(new Directory());
  for (User& user : users) {
    if (absl::Status status = CheckUser(user); !status.ok()) return status;
    const std::string name = user.name;
    const auto [added, is_new] =
        directory->users_.emplace(name, std::make_shared<const User>(std::move(user)));
    if (!is_new) {
      return absl::InvalidArgumentError(absl::StrCat("user \"", name, "\" is there twice"));
    }
    for (const std::string& certificate : added->second->certificates) {
      const auto [of, first] =
          directory->by_certificate_.emplace(certificate, added->second.get());
      if (!first) {
        return absl::InvalidArgumentError(absl::StrCat("certificate \"", certificate,
                                                       "\" is of two users, \"", of->second->name,
                                                       "\" and \"", name, "\""));
      }
    }
  }
  return std::shared_ptr<const Directory>(directory);
}

std::shared_ptr<const Directory> Directory::Join(const Directory* configured,
                                                 const std::map<std::string, UserPtr>& stored) {
  const std::shared_ptr<Directory> directory(configured != nullptr ? new Directory(*configured)
                                                                   : new Directory());
  for (const auto& [name, user] : stored) {
    if (!directory->users_.emplace(name, user).second) continue;
    for (const std::string& certificate : user->certificates) {
      directory->by_certificate_.emplace(certificate, user.get());
    }
  }
  return directory;
}

const User* Directory::Find(std::string_view name) const {
  const auto it = users_.find(name);
  return it == users_.end() ? nullptr : it->second.get();
}

const User* Directory::FindByCertificate(const std::vector<std::string>& names) const {
  for (const std::string& name : names) {
    if (const auto it = by_certificate_.find(name); it != by_certificate_.end()) return it->second;
  }
  return nullptr;
}

}  // namespace warren::auth
