#include "storage/codec/frame.h"

#include <cstdint>
#include <limits>

#include "absl/strings/str_cat.h"
#include "storage/codec/crc32.h"

namespace warren::storage {
namespace {

constexpr size_t kCrcBytes = 4;

uint32_t Crc(uint32_t crc, std::string_view bytes) {
  return ExtendCrc32(crc, bytes.data(), bytes.size());
}

void StoreU32(char* at, uint32_t value) {
  for (int i = 0; i < 4; ++i) at[i] = static_cast<char>(value >> (8 * i));
}

uint32_t LoadU32(const char* at) {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value |= static_cast<uint32_t>(static_cast<uint8_t>(at[i])) << (8 * i);
  return value;
}

}  // namespace

absl::Status SealFrame(std::string& head, size_t start, std::string_view tail) {
  const size_t length = head.size() - start - kFrameHeaderBytes + tail.size();
  if (length > std::numeric_limits<uint32_t>::max()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a record of ", length, " bytes can't be stored, the limit is 4 GiB"));
  }
  StoreU32(&head[start + kCrcBytes], static_cast<uint32_t>(length));
  const uint32_t crc = Crc(0, std::string_view(head).substr(start + kCrcBytes));
  StoreU32(&head[start], Crc(crc, tail));
  return absl::OkStatus();
}

absl::StatusOr<std::string_view> TakeFrame(std::string_view& bytes) {
  if (bytes.size() < kFrameHeaderBytes) {
    return absl::DataLossError(
        absl::StrCat("a frame's header is cut off after ", bytes.size(), " bytes"));
  }
  const size_t length = LoadU32(bytes.data() + kCrcBytes);
  if (length > bytes.size() - kFrameHeaderBytes) {
    return absl::DataLossError(absl::StrCat("a frame of ", length, " bytes is cut off after ",
                                            bytes.size() - kFrameHeaderBytes));
  }
  const std::string_view frame = bytes.substr(0, kFrameHeaderBytes + length);
  bytes.remove_prefix(frame.size());
  return frame;
}

absl::StatusOr<std::string_view> OpenFrame(std::string_view frame) {
  if (LoadU32(frame.data()) != Crc(0, frame.substr(kCrcBytes))) {
    return absl::DataLossError("checksum mismatch");
  }
  return frame.substr(kFrameHeaderBytes);
}

}  // namespace warren::storage
