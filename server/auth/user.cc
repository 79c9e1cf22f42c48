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

absl::Status Check(const User& user) {
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

}  // namespace

absl::StatusOr<std::shared_ptr<const Directory>> Directory::Make(std::vector<User> users) {
  const std::shared_ptr<Directory> directory(new Directory());
  for (User& user : users) {
    if (absl::Status status = Check(user); !status.ok()) return status;
    const std::string name = user.name;
    const auto [added, is_new] = directory->users_.emplace(name, std::move(user));
    if (!is_new) {
      return absl::InvalidArgumentError(absl::StrCat("user \"", name, "\" is there twice"));
    }
    for (const std::string& certificate : added->second.certificates) {
      const auto [of, first] = directory->by_certificate_.emplace(certificate, &added->second);
      if (!first) {
        return absl::InvalidArgumentError(absl::StrCat("certificate \"", certificate,
                                                       "\" is of two users, \"", of->second->name,
                                                       "\" and \"", name, "\""));
      }
    }
  }
  return std::shared_ptr<const Directory>(directory);
}

const User* Directory::Find(std::string_view name) const {
  const auto it = users_.find(name);
  return it == users_.end() ? nullptr : &it->second;
}

const User* Directory::FindByCertificate(const std::vector<std::string>& names) const {
  for (const std::string& name : names) {
    if (const auto it = by_certificate_.find(name); it != by_certificate_.end()) return it->second;
  }
  return nullptr;
}

}  // namespace warren::auth
