// Goal: every record that fits the types comes back from the stores' encodings as it was.
// Method: records are built field by field; each goes through the record encoding, messages through
// rows of PostgreSQL as well.
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "server/base/check.h"
#include "storage/codec/record_codec.h"
#include "storage/postgres/message_row.h"
#include "storage/rocksdb/keys.h"
#include "tests/contract/same_record.h"
#include "tests/fuzz/support/record_maker.h"

namespace warren::storage {
namespace {

void RoundTrip(const Record& record) {
  std::string bytes;
  const absl::StatusOr<std::string_view> tail = EncodeRecord(record, bytes);
  WARREN_CHECK(tail.ok());
  bytes.append(*tail);
  NameCache names;
  std::string_view rest = bytes;
  const absl::StatusOr<Record> decoded = DecodeRecord(rest, names);
  WARREN_CHECK(decoded.ok() && rest.empty());
  WARREN_CHECK(SameRecord(*decoded, record));
  WARREN_CHECK(KeyOf(*decoded) == KeyOf(record));
}

// Copies the row that was written into one of the columns that are read, in the same order.
std::string ReadBack(std::string_view written) {
  constexpr int kWritten = 16;
  constexpr bool kRead[kWritten] = {false, true, true, true,  true,  true,  true, true,
                                    true,  true, true, false, false, false, true, true};
  CopyReader in(written);
  WARREN_CHECK(in.Row(kWritten));
  CopyBuffer buffer;
  CopyWriter out(buffer);
  out.Row(12);
  for (const bool is_read : kRead) {
    const std::optional<std::string_view> field = in.Bytes();
    if (is_read) field ? out.Bytes(*field) : out.Null();
  }
  WARREN_CHECK(in.Finish().ok());
  return std::string(buffer.view());
}

void RoundTripAsRow(const MessagePublished& message) {
  CopyBuffer buffer;
  CopyWriter out(buffer);
  WARREN_CHECK(MessageRowWriter().Write(out, 7, message).ok());
  const std::string row = ReadBack(buffer.view());
  MessagePublished read;
  const absl::StatusOr<bool> got = MessageRowReader().Read(row, read);
  WARREN_CHECK(got.ok() && *got);
  WARREN_CHECK(SameRecord(read, message));
}

}  // namespace
}  // namespace warren::storage

void warren::fuzz::TestOne(Input& input) {
  RecordMaker maker(input);
  const storage::Record record = maker.Record(input.Below(std::variant_size_v<storage::Record>));
  storage::RoundTrip(record);
  if (const auto* message = std::get_if<storage::MessagePublished>(&record)) {
    storage::RoundTripAsRow(*message);
  }
}
