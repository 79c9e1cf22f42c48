#include "storage/postgres/note_row.h"

namespace warren::storage {
namespace {

constexpr int16_t kFields = 8;

// The columns that all have. `kind` as the schema describes it.
void Begin(CopyWriter& out, SegmentNumber segment, int64_t sequence, MessageId message,
           QueueId queue, std::string_view kind) {
  out.Row(kFields);
  out.Int8(static_cast<int64_t>(message.value));
  out.Int8(static_cast<int64_t>(queue.value));
  out.Int8(sequence);
  out.Int4(segment);
  out.Bytes(kind);
}

void NoFacts(CopyWriter& out) {
  out.Null();
  out.Null();
  out.Null();
}

}  // namespace

void WriteRemoval(CopyWriter& out, SegmentNumber segment, int64_t sequence, const EntryRemoved& r) {
  Begin(out, segment, sequence, r.message, r.queue, r.last ? "l" : "r");
  NoFacts(out);
}

void WriteUpdate(CopyWriter& out, SegmentNumber segment, int64_t sequence, const EntryUpdated& r) {
  Begin(out, segment, sequence, r.message, r.facts.queue, "u");
  out.Int8(r.facts.expires_at_ms);
  out.Int8(r.facts.due_at_ms);
  out.Int8(static_cast<int64_t>(r.facts.delivery_count));
}

void WriteMove(CopyWriter& out, SegmentNumber segment, MessageId message) {
  Begin(out, segment, 0, message, QueueId{}, "m");
  NoFacts(out);
}

}  // namespace warren::storage
