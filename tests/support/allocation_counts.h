// Counts what goes through operator new and delete, which allocation_counts.cc replaces for the
// whole binary. A thread sees its own counts only.
#pragma once

#include <cstdint>

namespace warren {

extern thread_local int64_t allocations;  // ever made
extern thread_local int64_t live_blocks;  // made and not yet freed

}  // namespace warren
