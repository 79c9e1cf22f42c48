// Families of the store and of the machine below it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/metrics/families.h"
#include "server/metrics/snapshot.h"
#include "server/runtime/stall_reporter.h"
#include "server/runtime/stats.h"
#include "server/runtime/vitals.h"

namespace warren::metrics {

// A folder of the broker's, and what it is for: "store", "spill".
struct Folder {
  std::string use;
  std::string path;
};

// The journal's work and trouble. `now` is null while nobody knows.
void AddStorageFamilies(const std::string& backend, const Snapshot* now,
                        const runtime::Stats& stats, const runtime::StallReporter& stalls,
                        const runtime::Vitals& vitals, Families& families);
// Who owns the store, for those that one broker owns at a time.
void AddShardFamilies(const runtime::Vitals& vitals, Families& families);
// Room on the disks; a folder that isn't there yet is left out.
void AddDiskFamilies(const std::vector<Folder>& folders, uint64_t free_limit_bytes,
                     Families& families);

}  // namespace warren::metrics
