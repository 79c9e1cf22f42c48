// Notes about messages as rows of warren.settlements: what became of them after they were written.
// Thread-safe: functions only.
#pragma once

#include "storage/postgres/copy_format.h"
#include "storage/postgres/segments.h"
#include "storage/record.h"

namespace warren::storage {

// What the functions below write, in this order. `segment` is that of the message; `sequence` grows
// from note to note, as long as the store lives.
inline constexpr char kNoteColumns[] =
    "message_id, queue, seq, segment, kind, expires_at_ms, due_at_ms, delivery_count";

void WriteRemoval(CopyWriter& out, SegmentNumber segment, int64_t sequence, const EntryRemoved& r);
void WriteUpdate(CopyWriter& out, SegmentNumber segment, int64_t sequence, const EntryUpdated& r);
// The message is in another segment from now on.
void WriteMove(CopyWriter& out, SegmentNumber segment, MessageId message);

}  // namespace warren::storage
