// Families of what the broker does with messages: from the core's sums and the runtime's cells.
#pragma once

#include "server/metrics/families.h"
#include "server/metrics/snapshot.h"
#include "server/runtime/stats.h"

namespace warren::metrics {

// What is there now.
void AddStateFamilies(const Snapshot& now, Families& families);
// What publishers and their messages went through.
void AddPublishingFamilies(const Snapshot& now, const runtime::Stats& stats, Families& families);
// What consumers and their messages went through.
void AddConsumingFamilies(const Snapshot& now, Families& families);
// How calls ended.
void AddRpcFamilies(const runtime::RpcStats& rpcs, Families& families);

}  // namespace warren::metrics
