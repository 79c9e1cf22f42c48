// Entries of queues, core -> proto, as operators look at them. Pure functions; thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "server/core/inspection.h"
#include "warren/v1/admin.pb.h"

namespace warren::api {

// Everything but its queue, with at most so much of its body. Returns about how many bytes it takes.
size_t SetEntry(const core::EntryView& entry, uint64_t max_body_bytes, v1::QueueEntry* proto);

// None for all. INVALID_ARGUMENT, reason STATE_INVALID, for what is none.
absl::StatusOr<std::optional<core::EntryPlace>> ToEntryPlace(v1::EntryState state);

// From the three numbers of a page's token.
core::EntryMark ToMark(const uint64_t* numbers);

}  // namespace warren::api
