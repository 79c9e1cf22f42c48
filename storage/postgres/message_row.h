// A message as a row of warren.messages, and back.
//
// Place in the life of a message: step 6, and recovery. A plain message is its columns. One that
// has properties, headers or a death history, or anything else that the columns can't hold as it
// is, also has `exact`: its record (storage/codec) without the body, which is what recovery reads
// then; the columns show people what is in it.
//
// Thread safety: thread-compatible.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/codec/message_codec.h"
#include "storage/postgres/copy_format.h"
#include "storage/postgres/segments.h"
#include "storage/record.h"

namespace warren::storage {

// What WriteMessageRow writes, in this order.
inline constexpr std::string_view kMessageColumns =
    "segment, id, published_at, queues, expires_at_ms, due_at_ms, delivery_counts, exchange, "
    "routing_key, priority, expiration_ms, properties, headers, deaths, exact, body";
inline constexpr int16_t kMessageFields = 16;
// What ReadMessageRow reads.
inline constexpr std::string_view kReadColumns =
    "id, published_at, queues, expires_at_ms, due_at_ms, delivery_counts, exchange, routing_key, "
    "priority, expiration_ms, exact, body";

class MessageRowWriter {
 public:
  // Appends the row. INVALID_ARGUMENT if the message can't be stored.
  absl::Status Write(CopyWriter& out, SegmentNumber segment, const Record& message);

 private:
  std::string exact_;    // scratch
  std::string scratch_;  // the same
};

// Takes rows one at a time, as COPY sends them.
class MessageRowReader {
 public:
  // Replaces `message` by the next row's; false after the last one.
  // DATA_LOSS that names the message if the row is damaged; FAILED_PRECONDITION if a later version
  // of the encoding wrote it.
  absl::StatusOr<bool> Read(std::string_view row, MessagePublished& message);

 private:
  absl::Status ReadColumns(CopyReader& in, MessagePublished& message);
  absl::Status ReadExact(std::string_view exact, std::string_view body, MessagePublished& message);

  NameCache names_;
  std::string scratch_;
};

}  // namespace warren::storage
