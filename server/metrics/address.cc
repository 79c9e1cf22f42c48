#include "server/metrics/address.h"

#include <charconv>

namespace warren::metrics {

std::optional<HostAndPort> SplitAddress(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  HostAndPort split{.host = address.substr(0, colon)};
  const char* const end = address.data() + address.size();
  const auto [rest, error] = std::from_chars(address.data() + colon + 1, end, split.port);
  if (error != std::errc() || rest != end || split.port < 0 || split.port > 65'535) {
    return std::nullopt;
  }
  if (split.host.size() > 2 && split.host.front() == '[' && split.host.back() == ']') {
    split.host = split.host.substr(1, split.host.size() - 2);
  }
  return split;
}

}  // namespace warren::metrics
