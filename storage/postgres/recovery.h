// Recovery: everything that is live, in the order that Journal::Recover promises.
//
// Messages come segment by segment. Segments overlap little (kept ones lie below the others, a
// batch may be out of order), so each is read when its lowest id is due, and what it has above the
// lowest of the next one is held back: about one segment in memory.
//
// Nobody else writes meanwhile, so when the connection breaks, the read that was under way is
// repeated on another one, and what the sink has of it already is passed over.
//
// Thread safety: functions only; the link belongs to the caller's thread.
#pragma once

#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/journal.h"
#include "storage/postgres/link.h"
#include "storage/postgres/segments.h"

namespace warren::storage {

// A connection that owns the shard: the one that is there, or another one if that broke. An error
// ends the recovery and is returned by it.
using Connect = std::function<absl::StatusOr<Link*>()>;

// Also fills `segments`, but for its Start. Errors of the sink are returned as they are; DATA_LOSS
// that names table and row if one is damaged; FAILED_PRECONDITION if a later version wrote it.
absl::Status RecoverAll(const Connect& connect, const RecordSink& sink, Segments& segments);

}  // namespace warren::storage
