// Notes about messages as rows of warren.settlements: what became of them after they were written.
// Thread-safe: functions only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "storage/postgres/copy_format.h"
#include "storage/postgres/segments.h"
#include "storage/record.h"

namespace warren::storage {

// What the functions below write, in this order. `segment` is that of the message; `sequence` grows
// from note to note, as long as the store lives.
inline constexpr char kNoteColumns[] =
    "message_id, queue, seq, segment, kind, expires_at_ms, due_at_ms, delivery_count, message_ids";
inline constexpr int16_t kNoteFields = 9;
// How many messages a row can be about: it has to fit into a page.
inline constexpr size_t kMostInNote = 500;

// What rows take, about.
inline constexpr uint64_t kNoteBytes = 80;
inline constexpr uint64_t kGoneBytes = 10;  // for each message

// Not the last removal.
void WriteRemoval(CopyWriter& out, SegmentNumber segment, int64_t sequence, const EntryRemoved& r);
void WriteUpdate(CopyWriter& out, SegmentNumber segment, int64_t sequence, const EntryUpdated& r);
// No queue has the messages any more. REQUIRES: 1 to kMostInNote of them; the same below.
void WriteGone(CopyWriter& out, SegmentNumber segment, const std::vector<MessageId>& messages);
// The messages are in another segment from now on.
void WriteMoved(CopyWriter& out, SegmentNumber segment, const std::vector<MessageId>& messages);

}  // namespace warren::storage
