// Recovery: everything that is live, in the order that Journal::Recover promises.
//
// Messages come segment by segment. Segments overlap little (kept ones lie below the others, a
// batch may be out of order), so each is read when its lowest id is due, and what it has above the
// lowest of the next one is held back: about one segment in memory.
//
// Thread safety: functions only; the link belongs to the caller's thread.
#pragma once

#include "absl/status/status.h"
#include "storage/journal.h"
#include "storage/postgres/link.h"
#include "storage/postgres/segments.h"

namespace warren::storage {

// Also fills `segments`, but for its Start. Errors of the sink are returned as they are; DATA_LOSS
// that names table and row if one is damaged; FAILED_PRECONDITION if a later version wrote it.
absl::Status RecoverAll(Link& link, const RecordSink& sink, Segments& segments);

}  // namespace warren::storage
