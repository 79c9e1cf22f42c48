// What the loop told for one scrape: numbers of one moment, copied out between two completions.
#pragma once

#include <cstdint>
#include <optional>

#include "server/core/broker.h"
#include "server/core/inspection.h"
#include "server/runtime/vitals.h"

namespace warren::metrics {

struct Snapshot {
  core::Usage usage;
  bool held = false;  // publishers
  int64_t held_ms = 0;
  bool memory_alarm = false;
  bool disk_alarm = false;
  bool storage_alarm = false;
  // Of a walk over all queues, which is newer than the rest by some turns of the loop.
  core::QueueSurvey survey;
  int64_t surveyed_at_ms = 0;
};

// None if the loop doesn't answer, or isn't there. Takes some turns of the loop; with 10,000 queues
// it works some milliseconds for it in all, a part at a time.
std::optional<Snapshot> TakeSnapshot(runtime::Vitals& vitals);

}  // namespace warren::metrics
