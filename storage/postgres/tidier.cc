#include "storage/postgres/tidier.h"

#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "storage/postgres/copy_format.h"
#include "storage/postgres/note_row.h"

namespace warren::storage {

Tidier::Tidier(Session& session, Segments& segments, std::chrono::milliseconds lock_wait)
    : session_(session),
      segments_(segments),
      limits_(absl::StrCat("SET LOCAL lock_timeout = ", lock_wait.count(), ";")) {}

absl::Status Tidier::Run(const TidyTask& task) {
  task_ = task;
  moved_.clear();
  return std::visit([this](const auto& kind) { return On(kind); }, task);
}

absl::Status Tidier::Commit(const std::string& sql, std::string_view doing) {
  session_.Begin(limits_ + sql, doing);
  return session_.Commit();
}

absl::Status Tidier::On(const MakeSegment& task) {
  const bool kept = task.kind == SegmentKind::kKept;
  return Commit(absl::StrCat("SELECT warren.make_segment(", task.segment, ",'",
                             kept ? "kept" : "published", "');"),
                "make a segment");
}

absl::Status Tidier::On(const DropSegment& task) {
  return Commit(absl::StrCat("SELECT warren.drop_segment(", task.segment, ");"),
                "drop a segment");
}

absl::Status Tidier::On(const MoveMessages& task) {
  SegmentReader reader;
  absl::Status read = reader.Read(session_.link(), task.from, task.messages, moved_);
  if (!read.ok() || moved_.empty()) return read;
  return WriteRows(task);
}

absl::Status Tidier::WriteRows(const MoveMessages& task) {
  session_.Begin(
      absl::StrCat(limits_, "COPY warren.messages_", task.to, " (",
                   absl::string_view(kMessageColumns.data(), kMessageColumns.size()),
                   ") FROM STDIN (FORMAT binary);COPY warren.settlements_", task.from, " (",
                   kNoteColumns, ") FROM STDIN (FORMAT binary);"),
      "move messages");
  CopyBuffer buffer;
  CopyWriter out(buffer);
  out.Header();
  for (LiveMessage& live : moved_) {
    if (live.record.entries.empty()) continue;
    const Record record = live.record;
    if (absl::Status status = rows_.Write(out, task.to, record); !status.ok()) {
      session_.link().Put(buffer.view());
      session_.Abandon();
      return status;
    }
  }
  out.Trailer();
  session_.link().Put(buffer.view());
  session_.link().EndCopy();

  buffer.Clear(buffer.size());
  out.Header();
  std::vector<MessageId> ids;
  for (const LiveMessage& live : moved_) {
    ids.push_back(live.record.id);
    if (ids.size() < kMostInNote && &live != &moved_.back()) continue;
    WriteMoved(out, task.from, ids);
    ids.clear();
  }
  out.Trailer();
  session_.link().Put(buffer.view());
  session_.link().EndCopy();
  return session_.Commit();
}

void Tidier::Committed() {
  if (const auto* made = std::get_if<MakeSegment>(&task_)) return segments_.Made(*made);
  if (const auto* dropped = std::get_if<DropSegment>(&task_)) {
    return segments_.Dropped(dropped->segment);
  }
  const auto& move = std::get<MoveMessages>(task_);
  if (moved_.empty()) segments_.Emptied(move.from);
  segments_.Noted(move.from, moved_.size() * kGoneBytes);
  for (const LiveMessage& live : moved_) {
    if (live.record.entries.empty()) {
      segments_.Removed(live.record.id);
    } else {
      segments_.Moved(live.record.id, move.to, live.bytes);
    }
  }
  moved_.clear();
}

}  // namespace warren::storage
