#include "storage/rocksdb/shelf_codec.h"

#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "storage/codec/frame.h"

namespace warren::storage {
namespace {

constexpr char kVersion = 1;
constexpr size_t kBytes = kShelfIds / 8;

}  // namespace

absl::StatusOr<std::string> EncodeShelf(const ShelfBits& live) {
  std::string value(kFrameHeaderBytes, '\0');
  value.reserve(kFrameHeaderBytes + 1 + kBytes);
  value.push_back(kVersion);
  for (const uint64_t word : live.words()) {
    for (int i = 0; i < 8; ++i) value.push_back(static_cast<char>(word >> (8 * i)));
  }
  if (absl::Status sealed = SealFrame(value, 0, {}); !sealed.ok()) return sealed;
  return value;
}

absl::StatusOr<ShelfBits> DecodeShelf(std::string_view value) {
  absl::StatusOr<std::string_view> payload = TakeFrame(value);
  if (payload.ok()) payload = OpenFrame(*payload);
  if (!payload.ok()) return payload.status();
  if (!payload->empty() && payload->front() > kVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("a shelf of version ", static_cast<int>(payload->front()),
                     " was written by a newer version of this program"));
  }
  if (!value.empty() || payload->size() != 1 + kBytes) {
    return absl::DataLossError("a shelf has another length");
  }
  ShelfBits live;
  for (size_t i = 0; i < kBytes; ++i) {
    const auto byte = static_cast<uint8_t>((*payload)[1 + i]);
    live.words()[i / 8] |= static_cast<uint64_t>(byte) << (8 * (i % 8));
  }
  if (live == ShelfBits()) return absl::DataLossError("a shelf without a message is stored");
  return live;
}

}  // namespace warren::storage
