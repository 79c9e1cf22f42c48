#include "server/metrics/auth_families.h"

#include <cstdint>
#include <string>

namespace warren::metrics {

void AddAuthFamilies(const auth::Stats& stats, Families& families) {
  Family attempts = families.Counter("warren_auth_attempts_total",
                                     "Logins that were looked at, by mechanism and result.");
  for (size_t m = 0; m < auth::kMechanisms; ++m) {
    for (size_t r = 0; r < auth::kLoginResults; ++r) {
      attempts.Add(static_cast<double>(stats.attempts[m][r].load()),
                   {{"mechanism", std::string(auth::kMechanismNames[m])},
                    {"result", std::string(auth::kLoginResultNames[r])}});
    }
  }
  Family denied =
      families.Counter("warren_authz_denied_total",
                       "Operations that were refused, by the permission that was missing.");
  for (size_t p = 0; p < auth::kPermissions; ++p) {
    denied.Add(static_cast<double>(stats.denied[p].load()),
               {{"permission", std::string(auth::kPermissionNames[p])}});
  }
  if (const int64_t expires_at = stats.certificate_expires_at.load(); expires_at != 0) {
    families
        .Gauge("warren_tls_certificate_expiry_timestamp_seconds",
               "When the first certificate of the listener's chain expires, in Unix time.")
        .Add(static_cast<double>(expires_at), {{"listener", "grpc"}});
  }
}

}  // namespace warren::metrics
