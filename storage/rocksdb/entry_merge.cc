#include "storage/rocksdb/entry_merge.h"

#include <map>
#include <utility>
#include <variant>

#include "storage/codec/frame.h"
#include "storage/codec/record_codec.h"
#include "storage/live_state.h"

namespace warren::storage {
namespace {

std::string_view View(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

// The latest note about each queue's entry.
class Notes {
 public:
  // Takes notes off `bytes` until none are left. False if they are damaged. `bytes` must stay.
  bool Add(std::string_view bytes) {
    while (!bytes.empty()) {
      std::string_view rest = bytes;
      const absl::StatusOr<Record> record = DecodeRecord(rest, names_);
      if (!record.ok()) return false;
      const std::string_view frame = bytes.substr(0, bytes.size() - rest.size());
      if (const auto* removed = std::get_if<EntryRemoved>(&*record)) {
        latest_[removed->queue] = {frame, true};
      } else if (const auto* updated = std::get_if<EntryUpdated>(&*record)) {
        // What is removed stays so.
        auto& [latest, is_removal] = latest_[updated->facts.queue];
        if (!is_removal) latest = frame;
      } else {
        return false;
      }
      bytes = rest;
    }
    return true;
  }

  void AppendTo(std::string& out) const {
    for (const auto& [queue, note] : latest_) out.append(note.first);
  }

 private:
  NameCache names_;
  std::map<QueueId, std::pair<std::string_view, bool>> latest_;
};

}  // namespace

bool EntryMerge::FullMergeV2(const MergeOperationInput& in, MergeOperationOutput* out) const {
  Notes notes;
  std::string_view published;
  if (in.existing_value != nullptr) {
    std::string_view rest = View(*in.existing_value);
    // The body is not looked at here; its checksum travels with it.
    const absl::StatusOr<std::string_view> frame = TakeFrame(rest);
    if (!frame.ok() || !notes.Add(rest)) return false;
    published = *frame;
  }
  for (const rocksdb::Slice& operand : in.operand_list) {
    if (!notes.Add(View(operand))) return false;
  }
  out->new_value.assign(published);
  notes.AppendTo(out->new_value);
  return true;
}

bool EntryMerge::PartialMergeMulti(const rocksdb::Slice& /*key*/,
                                   const std::deque<rocksdb::Slice>& operands, std::string* merged,
                                   rocksdb::Logger* /*logger*/) const {
  Notes notes;
  for (const rocksdb::Slice& operand : operands) {
    if (!notes.Add(View(operand))) return false;
  }
  merged->clear();
  notes.AppendTo(*merged);
  return true;
}

absl::StatusOr<MessagePublished> DecodeMessage(std::string_view value, std::string_view notes,
                                               NameCache& names) {
  MessagePublished message;
  while (!value.empty() || !notes.empty()) {
    if (value.empty()) value = std::exchange(notes, {});
    absl::StatusOr<Record> record = DecodeRecord(value, names);
    if (!record.ok()) return record.status();
    if (auto* published = std::get_if<MessagePublished>(&*record)) {
      message = std::move(*published);
    } else if (const auto* removed = std::get_if<EntryRemoved>(&*record)) {
      RemoveEntry(message, removed->queue);
    } else if (const auto* updated = std::get_if<EntryUpdated>(&*record)) {
      UpdateEntry(message, updated->facts);
    } else {
      return absl::DataLossError("a record of another kind stands in a message's place");
    }
  }
  return message;
}

}  // namespace warren::storage
