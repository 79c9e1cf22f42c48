// /livez, /readyz, /startupz: what whoever runs the broker asks, each with its reasons.
//
//   startupz  200 once the store is open and recovered, and calls are taken; or the broker stands
//             by
//   readyz    200 while the broker can do all its work: it has started, the store takes what it is
//             given, and no stop has been requested; or it stands by, and can see who serves
//   livez     200 while the loop answers. The store is no part of it: starting a broker anew mends
//             no database, and costs what it had in memory
//
// Thread-safe.
#pragma once

#include "server/metrics/http_port.h"
#include "server/runtime/stall_reporter.h"
#include "server/runtime/stats.h"
#include "server/runtime/vitals.h"

namespace warren::metrics {

class Health {
 public:
  // All must outlive it.
  Health(const runtime::Stats& stats, runtime::Vitals& vitals, const runtime::StallReporter& stalls)
      : stats_(stats), vitals_(vitals), stalls_(stalls) {}

  // 200 or 503; the body is one line a reason.
  Page Live();
  Page Ready();
  Page Started();

 private:
  const runtime::Stats& stats_;
  runtime::Vitals& vitals_;
  const runtime::StallReporter& stalls_;
};

}  // namespace warren::metrics
