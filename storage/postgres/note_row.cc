#include "storage/postgres/note_row.h"

#include <string_view>

namespace warren::storage {
namespace {

// The columns up to the kind, which is as the schema describes it.
void AboutOne(CopyWriter& out, SegmentNumber segment, int64_t sequence, MessageId message,
              QueueId queue, std::string_view kind) {
  out.Row(kNoteFields);
  out.Int8(static_cast<int64_t>(message.value));
  out.Int8(static_cast<int64_t>(queue.value));
  out.Int8(sequence);
  out.Int4(segment);
  out.Bytes(kind);
}

void AboutSeveral(CopyWriter& out, SegmentNumber segment, const std::vector<MessageId>& messages,
                  std::string_view kind) {
  out.Row(kNoteFields);
  out.Null();
  out.Null();
  out.Int8(0);
  out.Int4(segment);
  out.Bytes(kind);
  out.Null();
  out.Null();
  out.Null();
  out.BigintArray(messages, [](MessageId id) { return id.value; });
}

}  // namespace

void WriteRemoval(CopyWriter& out, SegmentNumber segment, int64_t sequence, const EntryRemoved& r) {
  AboutOne(out, segment, sequence, r.message, r.queue, "r");
  out.Null();
  out.Null();
  out.Null();
  out.Null();
}

void WriteUpdate(CopyWriter& out, SegmentNumber segment, int64_t sequence, const EntryUpdated& r) {
  AboutOne(out, segment, sequence, r.message, r.facts.queue, "u");
  out.Int8(r.facts.expires_at_ms);
  out.Int8(r.facts.due_at_ms);
  out.Int8(static_cast<int64_t>(r.facts.delivery_count));
  out.Null();
}

void WriteGone(CopyWriter& out, SegmentNumber segment, const std::vector<MessageId>& messages) {
  AboutSeveral(out, segment, messages, "g");
}

void WriteMoved(CopyWriter& out, SegmentNumber segment, const std::vector<MessageId>& messages) {
  AboutSeveral(out, segment, messages, "m");
}

}  // namespace warren::storage
