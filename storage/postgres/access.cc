#include "storage/postgres/access.h"

#include <libpq-fe.h>

#include <array>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace warren::storage {
namespace {

struct FreeOptions {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using Options = std::unique_ptr<PQconninfoOption, FreeOptions>;

// Null if it can't be parsed, and then why. libpq quotes the text in its reason, and the text may
// hold a password, so the quotation is cut off.
Options Parse(const std::string& url, std::string* reason) {
  char* error = nullptr;
  Options options(PQconninfoParse(url.c_str(), &error));
  if (error != nullptr) {
    if (reason != nullptr) *reason = error;
    PQfreemem(error);
  }
  if (reason != nullptr) {
    reason->erase(std::min(reason->find(": \""), reason->size()));
    while (!reason->empty() && reason->back() == '\n') reason->pop_back();
  }
  return options;
}

bool IsSecret(const PQconninfoOption& option) { return option.dispchar[0] == '*'; }

// For libpq: keyword='value'.
std::string Quoted(std::string_view keyword, std::string_view value) {
  std::string text(keyword);
  text += "='";
  for (const char c : value) {
    if (c == '\'' || c == '\\') text += '\\';
    text += c;
  }
  return text += '\'';
}

absl::StatusOr<std::string> ReadPassword(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string password{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad()) {
    return absl::UnauthenticatedError(absl::StrCat(
        "the password file \"", path, "\" can't be read; it must be there and readable for the "
        "broker's user"));
  }
  if (password.ends_with('\n')) password.pop_back();
  if (password.ends_with('\r')) password.pop_back();
  if (password.find('\0') != std::string::npos) {
    return absl::UnauthenticatedError(
        absl::StrCat("the password file \"", path, "\" holds a zero byte; it must hold the "
                     "password as text and nothing else"));
  }
  return password;
}

// A connection is tried for so long, and given up after so long without a sign of life; libpq
// itself would wait for as long as the system's TCP does, many minutes.
constexpr std::pair<const char*, const char*> kDefaults[] = {
    {"connect_timeout", "5"},      // seconds, for each host
    {"keepalives_idle", "5"},      // seconds
    {"keepalives_interval", "2"},  // seconds
    {"keepalives_count", "3"},
    {"tcp_user_timeout", "10000"},  // milliseconds
};

using Parameters = std::map<std::string, std::string, std::less<>>;

Parameters Chosen(const PQconninfoOption* option) {
  Parameters chosen;
  for (; option->keyword != nullptr; ++option) {
    if (option->val != nullptr) chosen[option->keyword] = option->val;
  }
  return chosen;
}

}  // namespace

absl::StatusOr<std::string> ConnectionString(const PostgresAccess& access,
                                             std::string_view application_name) {
  std::string reason;
  const Options options = Parse(access.url, &reason);
  if (options == nullptr || access.url.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat(
        "storage \"", Redacted(access.url),
        "\": ", reason.empty() ? "it holds a zero byte" : reason, "; it must read like postgres://user@host:5432/database, with reserved characters in the "
        "user's name or password percent-encoded"));
  }
  Parameters parameters = Chosen(options.get());
  for (const auto& [keyword, value] : kDefaults) parameters.emplace(keyword, value);
  parameters.emplace("application_name", application_name);
  parameters["client_encoding"] = "UTF8";
  if (!access.password_file.empty()) {
    absl::StatusOr<std::string> password = ReadPassword(access.password_file);
    if (!password.ok()) return password.status();
    parameters["password"] = *std::move(password);
  }
  std::vector<std::string> words;
  for (const auto& [keyword, value] : parameters) words.push_back(Quoted(keyword, value));
  return absl::StrJoin(words, " ");
}

std::string Redacted(std::string_view url) {
  const Options options = Parse(std::string(url), nullptr);
  if (options == nullptr) return "postgres://...";
  Parameters chosen;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr && !IsSecret(*option)) chosen[option->keyword] = option->val;
  }
  const auto take = [&chosen](const char* keyword) {
    auto node = chosen.extract(keyword);
    return node.empty() ? std::string() : node.mapped();
  };

  std::string shown = "postgres://";
  if (const std::string user = take("user"); !user.empty()) absl::StrAppend(&shown, user, "@");
  // Hosts that are sockets' folders can't stand where others do.
  if (chosen["host"].find('/') == std::string::npos) {
    const std::vector<std::string> hosts = absl::StrSplit(take("host"), ',');
    const std::vector<std::string> ports = absl::StrSplit(take("port"), ',');
    for (size_t i = 0; i < hosts.size(); ++i) {
      const std::string& port = ports[i < ports.size() ? i : ports.size() - 1];
      absl::StrAppend(&shown, i > 0 ? "," : "", hosts[i], port.empty() ? "" : ":", port);
    }
  }
  absl::StrAppend(&shown, "/", take("dbname"));
  const char* separator = "?";
  for (const auto& [keyword, value] : chosen) {
    if (value.empty()) continue;
    absl::StrAppend(&shown, std::exchange(separator, "&"), keyword, "=", value);
  }
  return shown;
}

}  // namespace warren::storage
