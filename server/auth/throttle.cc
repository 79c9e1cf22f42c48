#include "server/auth/throttle.h"

#include <arpa/inet.h>

#include <algorithm>

namespace warren::auth {
namespace {

constexpr size_t kNetworkBytes = 8;

// What counts as one machine.
std::string MachineOf(const std::string& address) {
  in6_addr ipv6;
  if (inet_pton(AF_INET6, address.c_str(), &ipv6) != 1) return address;
  return {reinterpret_cast<const char*>(ipv6.s6_addr), kNetworkBytes};
}

}  // namespace

bool Throttle::Admit(const std::string& address, int64_t now_ms) {
  if (machines_.size() >= options_.max_machines) Forget(now_ms);
  const auto [it, is_new] =
      machines_.try_emplace(MachineOf(address), Allowance{options_.burst, now_ms});
  Allowance& allowance = it->second;
  allowance.left = LeftAt(allowance, now_ms);
  allowance.at_ms = now_ms;
  if (allowance.left < 1) return false;
  allowance.left -= 1;
  return true;
}

void Throttle::Succeeded(const std::string& address) {
  const auto it = machines_.find(MachineOf(address));
  if (it != machines_.end()) it->second.left = std::min(it->second.left + 1, options_.burst);
}

double Throttle::LeftAt(const Allowance& allowance, int64_t now_ms) const {
  const auto passed_ms = static_cast<double>(std::max<int64_t>(now_ms - allowance.at_ms, 0));
  return std::min(allowance.left + passed_ms / 1000 * options_.per_second, options_.burst);
}

void Throttle::Forget(int64_t now_ms) {
  absl::erase_if(machines_, [&](const auto& machine) {
    return LeftAt(machine.second, now_ms) >= options_.burst;
  });
  if (machines_.size() >= options_.max_machines) machines_.clear();
}

}  // namespace warren::auth
