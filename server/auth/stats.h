// Counters of logins and refusals, for whoever scrapes them. They never shrink. Thread-safe.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace warren::auth {

enum class Mechanism { kNone, kBasic, kBearer, kCertificate };
inline constexpr size_t kMechanisms = 4;
inline constexpr std::array<std::string_view, kMechanisms> kMechanismNames = {
    "none", "basic", "bearer", "certificate"};
inline constexpr std::string_view MechanismName(Mechanism mechanism) {
  return kMechanismNames[static_cast<size_t>(mechanism)];
}

enum class LoginResult { kAccepted, kRefused, kThrottled };
inline constexpr size_t kLoginResults = 3;
inline constexpr std::array<std::string_view, kLoginResults> kLoginResultNames = {
    "accepted", "refused", "throttled"};

enum class Permission { kVirtualHost, kConfigure, kWrite, kRead, kTag };
inline constexpr size_t kPermissions = 5;
inline constexpr std::array<std::string_view, kPermissions> kPermissionNames = {
    "virtual_host", "configure", "write", "read", "tag"};

struct Stats {
  // Logins that were looked at; a call with credentials that were good a moment ago is none.
  std::array<std::array<std::atomic<uint64_t>, kLoginResults>, kMechanisms> attempts{};
  std::array<std::atomic<uint64_t>, kPermissions> denied{};
  // Seconds since the Unix epoch; 0: no TLS.
  std::atomic<int64_t> certificate_expires_at{0};

  void CountAttempt(Mechanism mechanism, LoginResult result) {
    attempts[static_cast<size_t>(mechanism)][static_cast<size_t>(result)].fetch_add(
        1, std::memory_order_relaxed);
  }
  void CountDenied(Permission permission, uint64_t times = 1) {
    denied[static_cast<size_t>(permission)].fetch_add(times, std::memory_order_relaxed);
  }
};

}  // namespace warren::auth
