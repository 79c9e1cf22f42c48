// How far the store is known to be durable, kept outside of RocksDB's files.
//
// RocksDB replays its write-ahead log up to the first damage and drops the rest without a word,
// which is right after a power cut in the middle of a write, and loses confirmed messages if older
// parts of the log were damaged. The watermark tells the two apart: it is raised after a batch has
// become durable, so a store that comes back below it has lost something that was confirmed.
// Raising it costs one write to the page cache. After a power cut it may be behind, never ahead.
//
// Thread safety: thread-compatible.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace warren::storage {

class Watermark {
 public:
  static std::string FileIn(const std::string& directory);

  // Reads the watermark in `directory`, or makes one of 0 durably if there is none.
  // DATA_LOSS if it is damaged; UNAVAILABLE if the file can't be made, read or written now.
  static absl::StatusOr<Watermark> Open(const std::string& directory);

  Watermark(Watermark&& other) noexcept;
  Watermark& operator=(Watermark&&) = delete;
  ~Watermark();

  uint64_t value() const { return value_; }
  // Failure is no trouble: an old watermark sees less, but raises no false alarm.
  void Raise(uint64_t value);

 private:
  Watermark(int file, uint64_t value) : file_(file), value_(value) {}

  int file_;
  uint64_t value_;
};

}  // namespace warren::storage
