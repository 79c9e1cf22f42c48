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
#include "storage/rocksdb/manifest.h"

namespace warren::storage {

struct Durable {
  uint64_t sequence = 0;  // RocksDB's number of the last write
  ManifestPrefix manifest;
};

class Watermark {
 public:
  static std::string FileIn(const std::string& directory);

  // The watermark in `directory`, zeros if there is none. Errors as of Open.
  static absl::StatusOr<Durable> Read(const std::string& directory);
  // Opens the watermark in `directory` to raise it, or makes one of zeros durably if there is none.
  // DATA_LOSS if it is damaged; UNAVAILABLE if the file can't be made, read or written now.
  static absl::StatusOr<Watermark> Open(const std::string& directory);

  Watermark(Watermark&& other) noexcept;
  Watermark& operator=(Watermark&&) = delete;
  ~Watermark();

  const Durable& value() const { return value_; }
  // Failure is no trouble: an old watermark sees less, but raises no false alarm.
  void Raise(const Durable& value);

 private:
  Watermark(int file, const Durable& value) : file_(file), value_(value) {}

  int file_;
  Durable value_;
};

}  // namespace warren::storage
