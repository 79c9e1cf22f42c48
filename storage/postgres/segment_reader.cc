#include "storage/postgres/segment_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/live_state.h"
#include "storage/postgres/copy_format.h"

namespace warren::storage {
namespace {

// A tuple's header and line pointer, less what COPY has in front of each field.
constexpr uint64_t kRowOverhead = 24;

// No statistics are gathered of segments, so the planner has to be told: all joins here are of
// whole tables. A script of one COPY, which changes nothing for later ones.
std::string ReadScript(const std::string& select) {
  return absl::StrCat(
      "BEGIN READ ONLY;SET LOCAL enable_nestloop = off;SET LOCAL enable_mergejoin = off;"
      "SET LOCAL work_mem = '64MB';COPY (",
      select, ") TO STDOUT (FORMAT binary);COMMIT");
}

std::string NotGone(SegmentNumber segment, const char* message) {
  return absl::StrCat("NOT EXISTS (SELECT FROM (SELECT unnest(message_ids) AS id FROM "
                      "warren.settlements_",
                      segment, ") g WHERE g.id = ", message, ")");
}

}  // namespace

uint64_t RowBytes(size_t encoded) { return encoded + kRowOverhead; }

absl::Status DamagedTable(const std::string& where, const std::string& table,
                          const absl::Status& status) {
  if (!absl::IsDataLoss(status)) {
    return absl::Status(status.code(),
                        absl::StrCat(where, ": table ", table, ": ", status.message()));
  }
  return absl::DataLossError(
      absl::StrCat(where, ": table ", table, " is damaged: ", status.message(),
                   "; restore the database from a backup, or delete the row to do without it"));
}

absl::Status SegmentReader::ReadNotes(Link& link, SegmentNumber segment) {
  notes_.clear();
  const std::string table = absl::StrCat("warren.settlements_", segment);
  const auto take = [&](std::string_view row) {
    CopyReader in(row);
    if (!in.Row(7)) return in.Finish();
    const auto message = static_cast<uint64_t>(in.Required(in.Int8()));
    Note note;
    note.facts.queue.value = static_cast<uint64_t>(in.Required(in.Int8()));
    note.sequence = in.Required(in.Int8());
    note.removed = in.Required(in.Bool());
    note.facts.expires_at_ms = in.Int8().value_or(0);
    note.facts.due_at_ms = in.Int8().value_or(0);
    const int64_t count = in.Int8().value_or(0);
    absl::Status status = in.Finish();
    if (status.ok() && !std::in_range<uint32_t>(count)) {
      status = absl::DataLossError("a delivery count is out of range");
    }
    if (!status.ok()) {
      return DamagedTable(link.where(), table,
                          absl::DataLossError(absl::StrCat("message ", message, ": ",
                                                           status.message())));
    }
    note.facts.delivery_count = static_cast<uint32_t>(count);
    std::vector<Note>& notes = notes_[message];
    const auto same = std::find_if(notes.begin(), notes.end(), [&note](const Note& n) {
      return n.facts.queue == note.facts.queue;
    });
    // A removal is for ever; of updates the latest counts.
    if (same == notes.end()) {
      notes.push_back(note);
    } else if (!same->removed && (note.removed || note.sequence > same->sequence)) {
      *same = note;
    }
    return absl::OkStatus();
  };
  return link.CopyOut(
      ReadScript(absl::StrCat("SELECT message_id, queue, seq, kind = 'r', expires_at_ms, "
                              "due_at_ms, delivery_count FROM ",
                              table, " s WHERE kind IN ('r','u') AND ",
                              NotGone(segment, "s.message_id"))),
      absl::StrCat("read ", table), take);
}

absl::Status SegmentReader::Read(Link& link, SegmentNumber segment, uint64_t most,
                                 std::vector<LiveMessage>& to) {
  if (absl::Status status = ReadNotes(link, segment); !status.ok()) return status;
  const std::string table = absl::StrCat("warren.messages_", segment);
  const auto take = [&](std::string_view row) {
    LiveMessage live;
    const absl::StatusOr<bool> read = rows_.Read(row, live.record);
    if (!read.ok()) return DamagedTable(link.where(), table, read.status());
    if (!*read) return absl::OkStatus();
    live.bytes = RowBytes(row.size());
    if (const auto notes = notes_.find(live.record.id.value); notes != notes_.end()) {
      for (const Note& note : notes->second) {
        if (note.removed) {
          RemoveEntry(live.record, note.facts.queue);
        } else {
          UpdateEntry(live.record, note.facts);
        }
      }
    }
    to.push_back(std::move(live));
    return absl::OkStatus();
  };
  return link.CopyOut(
      ReadScript(absl::StrCat(
          "SELECT ", absl::string_view(kReadColumns.data(), kReadColumns.size()), " FROM ", table,
          " m WHERE ", NotGone(segment, "m.id"),
          most == 0 ? std::string() : absl::StrCat(" LIMIT ", most))),
      absl::StrCat("read ", table), take);
}

}  // namespace warren::storage
