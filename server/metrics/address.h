// HOST:PORT, taken apart. Pure.
#pragma once

#include <optional>
#include <string>

namespace warren::metrics {

struct HostAndPort {
  std::string host;  // an IPv6 address without its brackets
  int port = 0;
};

// Nothing if it isn't of that form, or the port is none.
std::optional<HostAndPort> SplitAddress(const std::string& address);

}  // namespace warren::metrics
