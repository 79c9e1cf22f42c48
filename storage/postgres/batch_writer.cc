#include "storage/postgres/batch_writer.h"

#include <algorithm>
#include <variant>

#include "absl/strings/str_cat.h"
#include "storage/postgres/declarations.h"
#include "storage/postgres/note_row.h"
#include "storage/postgres/segment_reader.h"

namespace warren::storage {
namespace {

// Large enough that sending costs little, small enough that the server has something to do while
// the rest is made.
constexpr size_t kChunkBytes = size_t{128} << 10;
// Memory of one huge body isn't held on to.
constexpr size_t kKeptBytes = size_t{4} << 20;

// A small batch. A prepared INSERT costs some µs more than a row of COPY, and its parameters have to
// fit into buffers; a COPY costs the time of a round trip more than no COPY.
constexpr size_t kSmallRows = 8;
constexpr size_t kSmallBytes = size_t{64} << 10;

// Leaves room for 2^40 notes in each of 2^23 epochs.
constexpr int kNoteBits = 40;

// As a prepared statement.
std::string Insert(const std::string& table, int16_t fields) {
  std::string sql = absl::StrCat("INSERT INTO ", table, " VALUES ($1");
  for (int16_t i = 2; i <= fields; ++i) absl::StrAppend(&sql, ",$", i);
  return sql + ")";
}

}  // namespace

BatchWriter::BatchWriter(Session& session, Segments& segments)
    : session_(session),
      segments_(segments),
      last_sequence_(session.epoch() << kNoteBits) {}

absl::Status BatchWriter::Plan(const Batch& batch) {
  Declarations declarations;
  published_.clear();
  published_.reserve(batch.records.size());
  in_order_ = true;
  notes_.clear();
  for (const Record& record : batch.records) {
    if (const auto* message = std::get_if<MessagePublished>(&record)) {
      if (!published_.empty() && message->id < published_.back().id) in_order_ = false;
      published_.push_back({message->id, &record});
    } else if (const auto* removed = std::get_if<EntryRemoved>(&record)) {
      PlanNote(record, removed->message);
    } else if (const auto* updated = std::get_if<EntryUpdated>(&record)) {
      PlanNote(record, updated->message);
    } else {
      declarations.Add(record);
    }
  }
  // Rows of one partition in a row are cheaper.
  std::stable_sort(notes_.begin(), notes_.end(),
                   [](const Note& a, const Note& b) { return a.segment < b.segment; });
  absl::StatusOr<std::string> sql = declarations.Sql();
  if (!sql.ok()) return sql.status();
  sql_ = *std::move(sql);
  small_ = sql_.empty() && IsSmall();
  return absl::OkStatus();
}

bool BatchWriter::IsSmall() const {
  if (published_.size() > kSmallRows) return false;
  size_t bytes = 0;
  for (const Published& message : published_) {
    bytes += std::get<MessagePublished>(*message.record).message->body.size();
  }
  // Of notes about messages that are gone, many share a row.
  size_t rows = published_.size();
  SegmentNumber segment = 0;
  for (const Note& note : notes_) {
    const auto* const removed = std::get_if<EntryRemoved>(note.record);
    const bool shares = removed != nullptr && removed->last && note.segment == segment;
    if (!shares) ++rows;
    segment = note.segment;
  }
  return rows <= kSmallRows && notes_.size() <= kMostInNote && bytes <= kSmallBytes;
}

void BatchWriter::PlanNote(const Record& record, MessageId message) {
  // One that isn't there needs no note.
  SegmentNumber segment = segments_.Find(message);
  if (segment == 0 && IsPublished(message)) segment = segments_.current();
  if (segment != 0) notes_.push_back({segment, &record, ++last_sequence_});
}

bool BatchWriter::IsPublished(MessageId message) const {
  const auto has_it = [message](const Published& p) { return p.id == message; };
  if (!in_order_) return std::any_of(published_.begin(), published_.end(), has_it);
  const auto at = std::lower_bound(published_.begin(), published_.end(), message,
                                   [](const Published& p, MessageId id) { return p.id < id; });
  return at != published_.end() && has_it(*at);
}

absl::Status BatchWriter::Write() { return small_ ? WriteByPipeline() : WriteByCopy(); }

std::string BatchWriter::NoteTable() const {
  // Straight into the partition if there is but one, which saves the routing.
  const bool one = notes_.front().segment == notes_.back().segment;
  return absl::StrCat("warren.settlements",
                      one ? absl::StrCat("_", notes_.front().segment) : std::string(), " (",
                      kNoteColumns, ")");
}

std::string BatchWriter::MessageTable() const {
  return absl::StrCat("warren.messages_", segments_.current(), " (",
                      absl::string_view(kMessageColumns.data(), kMessageColumns.size()), ")");
}

absl::Status BatchWriter::WriteByPipeline() {
  buffer_.Clear(kKeptBytes);
  CopyWriter out(buffer_);
  std::vector<size_t> ends;  // of rows
  for (Published& message : published_) {
    const size_t before = buffer_.size();
    absl::Status status = rows_.Write(out, segments_.current(), *message.record);
    if (!status.ok()) return status;
    message.bytes = RowBytes(buffer_.size() - before);
    ends.push_back(buffer_.size());
  }
  MakeNoteRows(out, [&] { ends.push_back(buffer_.size()); });

  session_.BeginPipeline("write a batch");
  const std::string message = published_.empty() ? "" : Insert(MessageTable(), kMessageFields);
  const std::string note = notes_.empty() ? "" : Insert(NoteTable(), kNoteFields);
  size_t begin = 0;
  for (size_t i = 0; i < ends.size(); ++i) {
    const std::string_view row = buffer_.view().substr(begin, ends[i] - begin);
    begin = ends[i];
    if (i < published_.size()) {
      session_.link().Execute(message, kMessageFields, row);
    } else {
      session_.link().Execute(note, kNoteFields, row);
    }
  }
  return session_.Commit();
}

absl::Status BatchWriter::WriteByCopy() {
  constexpr char kFromStdin[] = " FROM STDIN (FORMAT binary);";
  std::string script = sql_;
  if (!published_.empty()) {
    absl::StrAppend(&script, "COPY ", MessageTable(), kFromStdin);
  }
  if (!notes_.empty()) absl::StrAppend(&script, "COPY ", NoteTable(), kFromStdin);
  session_.Begin(script, "write a batch");
  if (!published_.empty()) {
    if (absl::Status status = CopyMessages(); !status.ok()) {
      session_.Abandon();
      return status;
    }
  }
  if (!notes_.empty()) CopyNotes();
  return session_.Commit();
}

void BatchWriter::Send() {
  session_.link().Put(buffer_.view());
  buffer_.Clear(kKeptBytes);
}

absl::Status BatchWriter::CopyMessages() {
  buffer_.Clear(kKeptBytes);
  CopyWriter out(buffer_);
  out.Header();
  const SegmentNumber segment = segments_.current();
  for (Published& message : published_) {
    const size_t before = buffer_.size();
    if (absl::Status status = rows_.Write(out, segment, *message.record); !status.ok()) {
      Send();
      return status;
    }
    message.bytes = RowBytes(buffer_.size() - before);
    if (buffer_.size() >= kChunkBytes) Send();
  }
  out.Trailer();
  Send();
  session_.link().EndCopy();
  return absl::OkStatus();
}

void BatchWriter::CopyNotes() {
  buffer_.Clear(kKeptBytes);
  CopyWriter out(buffer_);
  out.Header();
  MakeNoteRows(out, [this] {
    if (buffer_.size() >= kChunkBytes) Send();
  });
  out.Trailer();
  Send();
  session_.link().EndCopy();
}

template <typename RowDone>
void BatchWriter::MakeNoteRows(CopyWriter& out, const RowDone& row_done) {
  SegmentNumber segment = 0;
  gone_.clear();
  const auto end_gone = [&] {
    if (gone_.empty()) return;
    WriteGone(out, segment, gone_);
    gone_.clear();
    row_done();
  };
  for (const Note& note : notes_) {
    if (note.segment != segment || gone_.size() == kMostInNote) end_gone();
    segment = note.segment;
    if (const auto* updated = std::get_if<EntryUpdated>(note.record)) {
      WriteUpdate(out, segment, note.sequence, *updated);
      row_done();
    } else if (const auto& removed = std::get<EntryRemoved>(*note.record); removed.last) {
      gone_.push_back(removed.message);
    } else {
      WriteRemoval(out, segment, note.sequence, removed);
      row_done();
    }
  }
  end_gone();
}

void BatchWriter::Committed() {
  for (const Published& message : published_) {
    segments_.Published(message.id, message.bytes);
  }
  for (const Note& note : notes_) {
    const auto* removed = std::get_if<EntryRemoved>(note.record);
    const bool gone = removed != nullptr && removed->last;
    segments_.Noted(note.segment, gone ? kGoneBytes : kNoteBytes);
    if (gone) segments_.Removed(removed->message);
  }
  segments_.Rotate();
}

}  // namespace warren::storage
