// Encoding of records: what every durable backend stores.
//
// Place in the life of a message: step 6, below storage/journal.h, and recovery. A record becomes
// one frame (frame.h) whose payload is a version, the kind and the fields (fields.h).
//
// Thread safety: pure but for the NameCache, which is thread-compatible.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "storage/codec/message_codec.h"
#include "storage/record.h"

namespace warren::storage {

// Appends the record's frame to `head`, except for the last part of it, which is returned and has
// to be stored right behind: a message's body, so that it needn't be copied ("" for other kinds).
// What is returned belongs to the record.
// INVALID_ARGUMENT if the record can't be stored: headers that nest deeper than kMaxValueDepth, or
// 4 GiB and more.
absl::StatusOr<std::string_view> EncodeRecord(const Record& record, std::string& head);

// Takes one record off the front of `bytes`. Any bytes do no harm: DATA_LOSS if they are damaged,
// FAILED_PRECONDITION if a later version of the encoding wrote them.
absl::StatusOr<Record> DecodeRecord(std::string_view& bytes, NameCache& names);

}  // namespace warren::storage
