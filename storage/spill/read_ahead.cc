#include "storage/spill/read_ahead.h"

#include <algorithm>

namespace warren::storage {

absl::StatusOr<std::string_view> ReadAhead::Read(const SpillFile& file, size_t file_number,
                                                 uint64_t offset, size_t size, std::string& room) {
  ++reads_;
  Window* continued = nullptr;
  for (Window& window : windows_) {
    if (window.size == 0 || window.file_number != file_number || offset < window.offset) continue;
    if (offset + size <= window.end()) {
      window.used_at = reads_;
      return std::string_view(window.bytes.get() + (offset - window.offset), size);
    }
    // What others took out of the order may be skipped.
    if (offset <= window.end() + window.size) continued = &window;
  }
  if (size > kMostBytes) {
    room.resize(size);
    if (absl::Status status = file.Read(offset, size, room.data()); !status.ok()) return status;
    return std::string_view(room);
  }
  if (continued != nullptr) {
    return Fill(*continued, file, offset, size, std::min(2 * continued->capacity, kMostBytes));
  }
  Window& window = LeastRecentlyUsed();
  window.file_number = file_number;
  return Fill(window, file, offset, size, kLeastBytes);
}

absl::StatusOr<std::string_view> ReadAhead::Fill(Window& window, const SpillFile& file,
                                                 uint64_t offset, size_t size, size_t wanted) {
  wanted = std::max(wanted, size);
  if (window.capacity != wanted) {
    window.bytes = std::make_unique_for_overwrite<char[]>(wanted);
    window.capacity = wanted;
  }
  window.size = 0;
  const uint64_t there = file.written() - offset;
  const size_t filled = std::min<uint64_t>(wanted, there);
  if (absl::Status status = file.Read(offset, filled, window.bytes.get()); !status.ok()) {
    return status;
  }
  window.offset = offset;
  window.size = filled;
  window.used_at = reads_;
  return std::string_view(window.bytes.get(), size);
}

ReadAhead::Window& ReadAhead::LeastRecentlyUsed() {
  return *std::min_element(windows_.begin(), windows_.end(), [](const Window& a, const Window& b) {
    return a.used_at < b.used_at;
  });
}

void ReadAhead::Forget(size_t file_number) {
  for (Window& window : windows_) {
    if (window.file_number != file_number) continue;
    window.size = 0;
    window.used_at = 0;
  }
}

}  // namespace warren::storage
