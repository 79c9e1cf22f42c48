// What a loop's inbox carries.
#pragma once

#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/core/command.h"
#include "storage/ids.h"

namespace warren::runtime {

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

using Mail = std::variant<JournalDone, PagesMoved, JournalStalled, JournalResumed, JournalLost,
                          StopRequested, ListenerDown>;

}  // namespace warren::runtime
