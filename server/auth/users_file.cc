#include "server/auth/users_file.h"

#include <yaml-cpp/yaml.h>

#include <exception>
#include <initializer_list>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace warren::auth {
namespace {

constexpr size_t kMaxUsers = 100'000;
constexpr size_t kMaxEntries = 1'000;  // of a list or map of one user

// Reads the nodes; the first fault counts.
class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path) {}

  absl::StatusOr<std::shared_ptr<const Directory>> Read(const YAML::Node& root) {
    std::vector<User> users;
    if (!IsMap(root, "the file", {"users"})) return fault_;
    const YAML::Node all = root["users"];
    if (!all || !all.IsMap() || all.size() > kMaxUsers) {
      Fault(root, "expected users: with a name and its user on each line");
      return fault_;
    }
    for (const auto& entry : all) {
      User user;
      if (!TakeUser(entry.first, entry.second, user)) return fault_;
      users.push_back(std::move(user));
    }
    auto directory = Directory::Make(std::move(users));
    if (!directory.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(path_, ": ", directory.status().message()));
    }
    return directory;
  }

 private:
  bool Fault(const YAML::Node& at, std::string_view what) {
    if (fault_.ok()) {
      fault_ = absl::InvalidArgumentError(absl::StrCat(path_, ":", at.Mark().line + 1, ": ",
                                                       absl::string_view(what.data(), what.size())));
    }
    return false;
  }

  // A map with keys out of `known` alone.
  bool IsMap(const YAML::Node& node, std::string_view what,
             std::initializer_list<std::string_view> known) {
    if (!node.IsMap()) return Fault(node, std::string(what) + " is no map");
    for (const auto& entry : node) {
      std::string name = entry.first.IsScalar() ? entry.first.Scalar() : "";
      std::string all;
      for (const std::string_view key : known) {
        if (key == name) name.clear();
        all += (all.empty() ? "" : ", ") + std::string(key);
      }
      if (!name.empty()) {
        return Fault(entry.first, std::string(what) + ": unknown \"" + name + "\"; known: " + all);
      }
    }
    return true;
  }

  bool TakeText(const YAML::Node& node, const char* key, std::string& text) {
    const YAML::Node value = node[key];
    if (!value || value.IsNull()) return true;
    if (!value.IsScalar()) return Fault(value, std::string(key) + " is no text");
    text = value.Scalar();
    return true;
  }

  bool TakeTexts(const YAML::Node& node, const char* key, std::vector<std::string>& texts) {
    const YAML::Node list = node[key];
    if (!list || list.IsNull()) return true;
    if (!list.IsSequence() || list.size() > kMaxEntries) {
      return Fault(list, std::string(key) + " is no list, or a very long one");
    }
    for (const YAML::Node& entry : list) {
      if (!entry.IsScalar()) return Fault(entry, std::string(key) + ": an entry is no text");
      texts.push_back(entry.Scalar());
    }
    return true;
  }

  bool TakePattern(const YAML::Node& node, const char* key, Pattern& pattern) {
    std::string text;
    if (!TakeText(node, key, text)) return false;
    auto made = Pattern::Make(std::move(text));
    if (!made.ok()) {
      const absl::string_view why = made.status().message();
      return Fault(node, std::string(key) + ": " + std::string(why.data(), why.size()));
    }
    pattern = *std::move(made);
    return true;
  }

  bool TakeUser(const YAML::Node& name, const YAML::Node& node, User& user) {
    if (!name.IsScalar()) return Fault(name, "a user's name is no text");
    user.name = name.Scalar();
    if (node.IsNull()) return true;
    if (!IsMap(node, "user \"" + user.name + "\"",
               {"password_hash", "certificates", "tags", "virtual_hosts"}) ||
        !TakeText(node, "password_hash", user.password_hash) ||
        !TakeTexts(node, "certificates", user.certificates) ||
        !TakeTexts(node, "tags", user.tags)) {
      return false;
    }
    const YAML::Node hosts = node["virtual_hosts"];
    if (!hosts || hosts.IsNull()) return true;
    if (!hosts.IsMap() || hosts.size() > kMaxEntries) {
      return Fault(hosts, "virtual_hosts is no map, or a very long one");
    }
    for (const auto& entry : hosts) {
      if (!entry.first.IsScalar()) return Fault(entry.first, "a virtual host's name is no text");
      Permissions& permissions = user.virtual_hosts[entry.first.Scalar()];
      if (!IsMap(entry.second, "virtual host \"" + entry.first.Scalar() + "\"",
                 {"configure", "write", "read"}) ||
          !TakePattern(entry.second, "configure", permissions.configure) ||
          !TakePattern(entry.second, "write", permissions.write) ||
          !TakePattern(entry.second, "read", permissions.read)) {
        return false;
      }
    }
    return true;
  }

  const std::string& path_;
  absl::Status fault_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<const Directory>> ParseUsers(const std::string& text,
                                                            const std::string& path) {
  try {
    return Reader(path).Read(YAML::Load(text));
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ":", error.mark.line + 1, ": ", error.msg));
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", error.what()));
  }
}

}  // namespace warren::auth
