// What a broker that doesn't serve yet is doing, in words: for its health page and for the service
// manager.
#pragma once

#include <string>

#include "server/runtime/stall_reporter.h"
#include "server/runtime/stats.h"
#include "server/runtime/vitals.h"

namespace warren::runtime {

// All from any thread.

// Why it hasn't started yet, what it waits for included; "" if it has, or stands by.
std::string StartingReason(const Vitals& vitals, const StallReporter& stalls, const Stats& stats);

// For whom it stands by and since when; "" if it doesn't.
std::string StandingBy(const Vitals& vitals, const StallReporter& stalls);

}  // namespace warren::runtime
