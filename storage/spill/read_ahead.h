// Reads files of the spill in blocks, so that who reads record by record, in order, needs no system
// call for each. Several readers at different places (one a queue, say) don't disturb each other.
//
// Thread safety: thread-compatible.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "storage/spill/spill_file.h"

namespace warren::storage {

class ReadAhead {
 public:
  // `size` bytes of the file that the caller calls number `file_number`, at `offset`. They stay
  // until the next call, or as long as `room`, which is used if they are many.
  // REQUIRES: offset + size <= file.written(). Errors: those of SpillFile::Read.
  absl::StatusOr<std::string_view> Read(const SpillFile& file, size_t file_number,
                                        uint64_t offset, size_t size, std::string& room);

  // The file isn't there any more, or isn't what it was.
  void Forget(size_t file_number);

 private:
  // A reader that goes on where its window ended gets a window twice as large.
  static constexpr size_t kLeastBytes = size_t{16} << 10;
  static constexpr size_t kMostBytes = size_t{512} << 10;
  static constexpr size_t kWindows = 8;

  struct Window {
    size_t file_number = 0;
    uint64_t offset = 0;
    size_t size = 0;  // 0: unused
    size_t capacity = 0;
    std::unique_ptr<char[]> bytes;
    uint64_t used_at = 0;  // by `reads_`

    uint64_t end() const { return offset + size; }
  };

  Window& LeastRecentlyUsed();
  absl::StatusOr<std::string_view> Fill(Window& window, const SpillFile& file, uint64_t offset,
                                        size_t size, size_t wanted);

  std::array<Window, kWindows> windows_;
  uint64_t reads_ = 0;
};

}  // namespace warren::storage
