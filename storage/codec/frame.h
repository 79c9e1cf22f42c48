// Frames: how a payload is wrapped so that damage shows. Four bytes of CRC-32 (of all that
// follows), four of length (both little-endian), then the payload. A stored value is one frame or
// several in a row.
//
// Pure functions; thread-safe.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace warren::storage {

inline constexpr size_t kFrameHeaderBytes = 8;

// Fills in the header of the frame that begins at `start` of `head` (kFrameHeaderBytes are left
// free there), runs to the end of `head` and goes on with `tail`, which the caller stores after it.
// INVALID_ARGUMENT if the payload is 4 GiB or more.
absl::Status SealFrame(std::string& head, size_t start, std::string_view tail);

// Takes one whole frame, header included, off the front of `bytes`. Looks at its length alone.
// DATA_LOSS if it is cut off.
absl::StatusOr<std::string_view> TakeFrame(std::string_view& bytes);

// The payload of a frame that TakeFrame gave. DATA_LOSS if the checksum doesn't match.
absl::StatusOr<std::string_view> OpenFrame(std::string_view frame);

}  // namespace warren::storage
