// The spill: where messages lie that memory has no room for, until they are needed.
//
// Place in the life of a message: between steps 4 (enqueue) and 8 (delivery), when a backlog is
// larger than the memory budget. It has nothing to do with durability: what must survive is in the
// journal, and nothing here does, on any backend. So nothing is ever synced, and the files have no
// names: they are gone with the process, however it ends.
//
// A message becomes one record (codec/frame.h: checksum, length; then its place, so that a record
// of elsewhere or of former times isn't taken for it; then the message, its body last).
// Records gather in a buffer, which is appended to the newest of a few files when it is full. A
// file is closed when its last record is dropped, and parts without one are given back before
// (spill_file.h), so a few records that stay keep little disk space from it.
//
// Thread safety: thread-compatible; the thread that pages uses it.
//
// Invariants:
// 1. A handle that Write gave can be read until it is dropped, whatever fails in between.
// 2. Disk space is taken by chunks that hold live records, and by those alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/codec/message_codec.h"
#include "storage/ids.h"
#include "storage/message.h"
#include "storage/spill/read_ahead.h"
#include "storage/spill/spill_file.h"

namespace warren::storage {

struct SpillOptions {
  std::string directory;                      // made if it isn't there
  uint64_t file_bytes = uint64_t{64} << 20;   // about; more when many files are open
  size_t buffer_bytes = size_t{1} << 20;      // written at once
};

class Spill {
 public:
  // FAILED_PRECONDITION, with a remedy, if no files can be made in the directory.
  static absl::StatusOr<std::unique_ptr<Spill>> Open(SpillOptions options);

  // UNAVAILABLE if the disk takes no more; the text says what to do, and it may be tried again.
  // INVALID_ARGUMENT if the message can't be stored (see EncodeRecord), or takes 256 MiB or more.
  // Nothing has changed then.
  absl::StatusOr<SpillHandle> Write(const Message& message);

  // DATA_LOSS if the record is damaged, UNAVAILABLE if the disk can't be read; both name the
  // directory. The message stays in the spill.
  // REQUIRES: `handle` is from Write and hasn't been dropped.
  absl::StatusOr<MessagePtr> Read(SpillHandle handle);

  // REQUIRES: as for Read. Reads nothing.
  void Drop(SpillHandle handle);

  uint64_t live_messages() const { return live_messages_; }
  // Bytes of records that weren't dropped, wherever they are.
  uint64_t live_bytes() const { return live_bytes_; }
  // What the files take on disk.
  uint64_t disk_bytes() const;
  size_t open_files() const;

 private:
  explicit Spill(SpillOptions options) : options_(std::move(options)) {}

  // Where the next record goes, counted from the start of the newest file.
  uint64_t end() const { return newest().written() + buffer_.size(); }
  SpillFile& newest() const { return *files_[newest_]; }

  absl::Status MakeRoom(uint64_t bytes);
  absl::Status StartFile();
  absl::Status Flush();

  const SpillOptions options_;

  // By number; null where a file was closed, and its number is free. `newest_` is never null.
  std::vector<std::unique_ptr<SpillFile>> files_;
  size_t newest_ = 0;
  uint64_t newest_limit_ = 0;
  uint64_t last_generation_ = 0;  // of a file
  // Whole records, which follow the bytes that are in the newest file.
  std::string buffer_;

  uint64_t live_messages_ = 0;
  uint64_t live_bytes_ = 0;

  std::string scratch_;
  ReadAhead read_ahead_;
  NameCache names_;
};

}  // namespace warren::storage
