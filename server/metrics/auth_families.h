// Families of logins, refused operations, and the listener's certificate.
#pragma once

#include "server/auth/stats.h"
#include "server/metrics/families.h"

namespace warren::metrics {

void AddAuthFamilies(const auth::Stats& stats, Families& families);

}  // namespace warren::metrics
