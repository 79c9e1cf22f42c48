// One file of the spill: without a name, so that it ends with the process whatever happens.
//
// Knows which parts of it are still needed: it counts the live records on each chunk of its bytes,
// and gives a chunk back to the file system (punches a hole) when the last one is gone.
//
// Thread safety: thread-compatible.
//
// Invariants:
// 1. What lies below written() can be read, except where it was given back.
// 2. A chunk below written() takes disk space only while a live record touches it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace warren::storage {

class SpillFile {
 public:
  // What is given back at once; a live record may keep one or two such chunks from it.
  static constexpr uint64_t kChunkBytes = uint64_t{64} << 10;

  // UNAVAILABLE, with a remedy, if no file can be made in `directory`, which must be there.
  // `generation` names what is written from now on, and is used for nothing else.
  static absl::StatusOr<std::unique_ptr<SpillFile>> Make(const std::string& directory,
                                                         uint64_t generation);
  ~SpillFile();
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;

  // Writes the parts, one behind the other, at the end. UNAVAILABLE, with a remedy, if not all of
  // them can be written; then none is.
  // REQUIRES: AddRecord has been called for all records in them that are live.
  absl::Status Append(std::initializer_list<std::string_view> parts);

  // Reads `size` bytes into `out`. UNAVAILABLE if the disk fails, DATA_LOSS if the file is cut off.
  // REQUIRES: offset + size <= written().
  absl::Status Read(uint64_t offset, size_t size, char* out) const;

  // A record will lie there as soon as it is written; is of no use any more.
  void AddRecord(uint64_t offset, uint64_t size);
  void DropRecord(uint64_t offset, uint64_t size);

  // Starts anew, empty, as another generation. REQUIRES: records() == 0.
  void Clear(uint64_t generation);

  uint64_t written() const { return written_; }
  uint64_t generation() const { return generation_; }
  uint64_t records() const { return records_; }
  // What it takes on disk, apart from what the file system adds.
  uint64_t disk_bytes() const { return written_ - given_back_; }

 private:
  SpillFile(const std::string& directory, int fd, uint64_t generation)
      : directory_(directory), fd_(fd), generation_(generation) {}

  absl::Status WriteAt(uint64_t offset, std::string_view bytes);
  // Gives chunk number `chunk` back, if it is written and without a record.
  void GiveBackIfDead(uint64_t chunk);

  const std::string directory_;  // for messages
  const int fd_;
  uint64_t generation_;
  uint64_t written_ = 0;
  uint64_t records_ = 0;
  uint64_t given_back_ = 0;
  bool can_give_back_ = true;  // until the file system says that it can't
  std::vector<uint32_t> records_of_chunk_;
};

}  // namespace warren::storage
