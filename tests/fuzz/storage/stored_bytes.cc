// Goal: whatever bytes a store holds, decoding them is an error or a value, and a value that can be
// stored again: what is then written reads back the same.
// Method: the first byte says which decoder is asked; the rest is what it is to read. Checksums are
// made right where there are any, since no fuzzer would get past them.
#include <algorithm>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "server/base/check.h"
#include "storage/codec/frame.h"
#include "storage/codec/record_codec.h"
#include "storage/postgres/message_row.h"
#include "storage/rocksdb/entry_merge.h"
#include "storage/rocksdb/keys.h"
#include "tests/fuzz/support/input.h"

namespace warren::storage {
namespace {

NameCache& Names() {
  static NameCache names;
  return names;
}

std::string Encoded(const Record& record) {
  std::string bytes;
  const absl::StatusOr<std::string_view> tail = EncodeRecord(record, bytes);
  WARREN_CHECK(tail.ok());
  return bytes.append(*tail);
}

std::string Sealed(std::string_view payload) {
  std::string frame(kFrameHeaderBytes, '\0');
  frame.append(payload);
  WARREN_CHECK(SealFrame(frame, 0, "").ok());
  return frame;
}

// Sealed payloads in a row; in the input each has a byte of its length in front.
std::string SealedAll(std::string_view bytes) {
  std::string frames;
  while (!bytes.empty()) {
    const auto length = static_cast<uint8_t>(bytes.front());
    frames += Sealed(bytes.substr(1, length));
    bytes.remove_prefix(std::min(bytes.size(), size_t{1} + length));
  }
  return frames;
}

// A record that could be read is written as bytes that read back the same, and has a key.
void CheckRecord(const Record& record) {
  const std::string bytes = Encoded(record);
  std::string_view rest = bytes;
  const absl::StatusOr<Record> again = DecodeRecord(rest, Names());
  WARREN_CHECK(again.ok() && rest.empty());
  WARREN_CHECK(Encoded(*again) == bytes);
  PrintableKey(KeyOf(record));
}

void Records(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t before = bytes.size();
    const absl::StatusOr<Record> record = DecodeRecord(bytes, Names());
    if (!record.ok()) return;
    WARREN_CHECK(bytes.size() < before);
    CheckRecord(*record);
  }
}

void StoredMessage(std::string_view bytes) {
  const absl::StatusOr<MessagePublished> message = DecodeMessage(bytes, {}, Names());
  if (message.ok() && message->message) CheckRecord(*message);
}

// What merging gives can be merged and read again, and what is read doesn't depend on when notes
// were merged.
void Merge(std::string_view bytes) {
  const std::string value = SealedAll(bytes.substr(0, bytes.size() / 2));
  const std::string notes = SealedAll(bytes.substr(bytes.size() / 2));
  const rocksdb::Slice key;
  using MergeInput = rocksdb::MergeOperator::MergeOperationInput;
  const EntryMerge merge;
  std::string partial;
  const bool partly = merge.PartialMergeMulti(key, {rocksdb::Slice(notes)}, &partial, nullptr);

  const rocksdb::Slice existing(value);
  const auto full = [&](const std::string& operand, std::string* out) {
    const std::vector<rocksdb::Slice> operands = {rocksdb::Slice(operand)};
    rocksdb::Slice none;
    rocksdb::MergeOperator::MergeOperationOutput output(*out, none);
    return merge.FullMergeV2(MergeInput(key, &existing, operands, nullptr), &output);
  };
  std::string at_once;
  if (!full(notes, &at_once)) return;
  WARREN_CHECK(partly);
  std::string in_two;
  WARREN_CHECK(full(partial, &in_two));
  WARREN_CHECK(at_once == in_two);
  StoredMessage(at_once);
}

// A field of a row is longer than most inputs, if it is any number.
void Row(std::string_view bytes) {
  MessageRowReader reader;
  MessagePublished message;
  const absl::StatusOr<bool> read = reader.Read(bytes, message);
  if (!read.ok() || !*read) return;
  WARREN_CHECK(message.message && !message.entries.empty());
  CopyBuffer buffer;
  CopyWriter out(buffer);
  WARREN_CHECK(MessageRowWriter().Write(out, 1, message).ok());
}

void CopyFields(std::string_view bytes) {
  CopyReader in(bytes);
  if (!in.Row(5)) return in.Finish().IgnoreError();
  in.Int8();
  in.Int4();
  in.Int2();
  in.Bool();
  in.BigintArray();
  in.Finish().IgnoreError();
}

void Decode(std::string_view bytes) {
  if (bytes.empty()) return;
  const char which = bytes.front();
  bytes.remove_prefix(1);
  switch (which) {
    case 0: return Records(bytes);  // with checksums of their own
    case 1: return Records(Sealed(bytes));
    case 2: return StoredMessage(SealedAll(bytes));
    case 3: return Merge(bytes);
    case 4: return Row(bytes);
    case 5: return CopyFields(bytes);
    default: return;
  }
}

}  // namespace
}  // namespace warren::storage

void warren::fuzz::TestOne(Input& input) { storage::Decode(input.Rest()); }
