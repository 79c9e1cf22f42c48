#include "target.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "status.h"
#include "warren/client/error.h"

namespace warren::client {
namespace {

constexpr std::string_view kSchemes[] = {"dns:",           "ipv4:",  "ipv6:", "unix:",
                                         "unix-abstract:", "vsock:", "xds:"};

bool HasScheme(std::string_view target) {
  return std::any_of(std::begin(kSchemes), std::end(kSchemes),
                     [&](std::string_view scheme) { return target.starts_with(scheme); });
}

struct Number {
  bool is_v4 = false;
  std::string host;
  std::string port;

  bool operator==(const Number&) const = default;
};

void AddNumbers(const std::string& host, const std::string& port, std::vector<Number>& out) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) return;
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    char number[NI_MAXHOST] = {};
    if (getnameinfo(at->ai_addr, at->ai_addrlen, number, sizeof(number), nullptr, 0,
                    NI_NUMERICHOST) != 0) {
      continue;
    }
    const Number one{.is_v4 = at->ai_family == AF_INET, .host = number, .port = port};
    if (std::find(out.begin(), out.end(), one) == out.end()) out.push_back(one);
  }
}

}  // namespace

absl::StatusOr<Target> ResolveTarget(const std::string& addresses) {
  if (HasScheme(addresses) || addresses.find(',') == std::string::npos) {
    return Target{.name = addresses, .authority = ""};
  }
  std::vector<Number> found;
  std::string first;
  for (const absl::string_view part : absl::StrSplit(addresses, ',')) {
    const std::string address(absl::StripAsciiWhitespace(part));
    const size_t colon = address.rfind(':');
    if (colon == std::string::npos || colon == 0 || colon + 1 == address.size() ||
        HasScheme(address)) {
      return MakeError(absl::StatusCode::kInvalidArgument, "ADDRESS_INVALID",
                       "\"" + address + "\" in a list of addresses is not HOST:PORT");
    }
    if (first.empty()) first = address;
    absl::string_view host = absl::string_view(address).substr(0, colon);
    if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
    AddNumbers(std::string(host), address.substr(colon + 1), found);
  }
  if (found.empty()) {
    return MakeError(absl::StatusCode::kUnavailable, kUnavailable,
                     "none of \"" + addresses + "\" can be looked up");
  }
  const bool all_v4 =
      std::all_of(found.begin(), found.end(), [](const Number& one) { return one.is_v4; });
  const auto format = [&](std::string* out, const Number& one) {
    if (all_v4) return absl::StrAppend(out, one.host, ":", one.port);
    absl::StrAppend(out, "[", one.is_v4 ? "::ffff:" : "", one.host, "]:", one.port);
  };
  return Target{.name = absl::StrCat(all_v4 ? "ipv4:" : "ipv6:", absl::StrJoin(found, ",", format)),
                .authority = first};
}

}  // namespace warren::client
