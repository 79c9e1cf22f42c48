// From what the journal kept to a broker that can step; before there is a loop.
#pragma once

#include <functional>

#include "absl/status/status.h"
#include "server/core/broker.h"
#include "server/runtime/stats.h"
#include "storage/journal.h"
#include "storage/spill/spill.h"

namespace warren::runtime {

// `spill` takes what memory has no room for; null if the broker pages nothing out.
// Logs progress every few seconds, and at the end how long it took and what was found.
// CANCELLED as soon as `cancelled` says so; what the journal or the broker say otherwise.
absl::Status Recover(storage::Journal& journal, core::Broker& broker, storage::Spill* spill,
                     Stats& stats, const std::function<bool()>& cancelled);

}  // namespace warren::runtime
