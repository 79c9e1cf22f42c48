// Watches over RocksDB's manifest, the list of its table files.
//
// RocksDB takes a manifest that ends too early for one that a crash cut off, drops its last edits,
// and deletes the tables that only those named: a store that lost messages opens as if nothing
// were. So how much of the manifest is durable, and its checksum, go into the watermark.
//
// Thread safety: thread-compatible; RocksDB's threads may append to the manifest meanwhile.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"

namespace warren::storage {

// Makes a file or a directory durable as it is now; false if that failed.
bool SyncPath(const std::string& path);

// The front part of a manifest, which never changes again.
struct ManifestPrefix {
  uint64_t number = 0;  // of the file; 0 is none
  uint64_t bytes = 0;
  uint32_t crc = 0;
};

// DATA_LOSS if the manifest in use in `directory` doesn't begin with `expected`; UNAVAILABLE if it
// can't be read now, which is no damage yet. A manifest of a higher number is fine: each begins with
// all that the one before said.
absl::Status CheckManifest(const std::string& directory, const ManifestPrefix& expected);

class ManifestWatch {
 public:
  explicit ManifestWatch(std::string directory) : directory_(std::move(directory)) {}
  ManifestWatch(const ManifestWatch&) = delete;
  ManifestWatch& operator=(const ManifestWatch&) = delete;
  ~ManifestWatch();

  // Looks for what was added since, and makes it durable; two system calls if nothing was.
  // Returns what is durable, which is old rather than wrong if something can't be read now.
  const ManifestPrefix& Refresh();

 private:
  bool SwitchFile();
  void ReadOn();

  const std::string directory_;
  uint64_t current_inode_ = 0;  // of CURRENT, which is replaced when another manifest comes into use
  int file_ = -1;
  std::string path_;  // of file_
  ManifestPrefix durable_;
};

}  // namespace warren::storage
