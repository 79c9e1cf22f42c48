// How a shelf is stored: one frame (storage/codec/frame.h), whose payload is a version, now 1, and
// a bit for each place, lowest first, set while the message is live.
//
// Pure functions; thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "storage/rocksdb/shelves.h"

namespace warren::storage {

absl::StatusOr<std::string> EncodeShelf(const ShelfBits& live);

// DATA_LOSS if it is damaged, or empty, as none is stored; FAILED_PRECONDITION if a later version
// of the encoding wrote it.
absl::StatusOr<ShelfBits> DecodeShelf(std::string_view value);

}  // namespace warren::storage
