// What a broker that doesn't serve yet is doing, in words: for its health page and for the service
// manager.
#pragma once

#include <string>

#include "server/runtime/stall_reporter.h"
#include "server/runtime/stats.h"
#include "server/runtime/vitals.h"

namespace warren::runtime {

// Why it hasn't started yet, what it waits for included; "" once it has. From any thread.
std::string StartingReason(const Vitals& vitals, const StallReporter& stalls, const Stats& stats);

}  // namespace warren::runtime
