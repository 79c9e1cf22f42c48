// What a loop's inbox carries.
#pragma once

#include <functional>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/core/command.h"
#include "storage/ids.h"

namespace warren::core {
class Broker;
}  // namespace warren::core

namespace warren::runtime {

class FlowControl;
class Shutdown;

// The journal's writer is done with a batch: it is durable if `status` is OK, else the broker must
// stop.
struct JournalDone {
  storage::Lsn lsn;
  absl::Status status;
};

// The journal can't go on for now, and why.
struct JournalStalled {
  std::string reason;
};

struct JournalResumed {};

// A disk is nearly full, and which; there is room again.
struct DiskLow {
  std::string reason;
};

struct DiskRoom {};

// Somebody else owns the store now; the broker must stop.
struct JournalLost {
  absl::Status why;
};

// The pager is done with its work; if that failed, the broker must stop.
struct PagesMoved {
  absl::StatusOr<core::Paged> moved;
};

// Somebody wants the broker to stop, after a drain.
struct StopRequested {};

// The listener takes no calls any more and has ended those it had.
struct ListenerDown {};

// What a loop shows of itself.
struct Insight {
  const core::Broker& broker;
  const FlowControl& flow;
  const Shutdown& shutdown;
};

// Somebody wants to look; see vitals.h.
struct Question {
  std::function<void(const Insight&)> ask;
};

using Mail = std::variant<JournalDone, PagesMoved, JournalStalled, JournalResumed, JournalLost,
                          DiskLow, DiskRoom, StopRequested, ListenerDown, Question>;

}  // namespace warren::runtime
