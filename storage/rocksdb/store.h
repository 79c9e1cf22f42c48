// An open RocksDB store: the database, its column families and the watermark, checked as they are
// opened. What is in them is the journal's affair.
//
// Thread safety: thread-compatible (RocksDB's own threads aside).
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/rocksdb/manifest.h"
#include "storage/rocksdb/settled_filter.h"
#include "storage/rocksdb/shelves.h"
#include "storage/rocksdb/watermark.h"

namespace warren::storage {

// Layout of keys and values, as docs/storage-format.md describes it.
inline constexpr int kStoreFormat = 2;

class Store {
 public:
  enum class IfMissing { kCreate, kFail };

  // FAILED_PRECONDITION if another process has the store open, if a newer program wrote it, if the
  // directory holds something else or can't be used; DATA_LOSS if it is damaged; UNAVAILABLE if
  // there is trouble that may pass, such as a full disk.
  // `memtable_bytes` is as in RocksDbOptions; `kept`: see MessagesOptions.
  // A store of an older format is converted.
  static absl::StatusOr<std::unique_ptr<Store>> Open(
      const std::string& path, IfMissing if_missing, size_t memtable_bytes,
      std::shared_ptr<const KeptMessages> kept = nullptr);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  rocksdb::ColumnFamilyHandle* declarations() const { return declarations_; }
  rocksdb::ColumnFamilyHandle* messages() const { return messages_; }
  rocksdb::ColumnFamilyHandle* notes() const { return notes_; }
  rocksdb::ColumnFamilyHandle* shelves() const { return shelves_; }
  rocksdb::DB& db() const { return *db_; }

  // Writes durably, all or nothing. Errors as of Open; whether the batch took effect is open then,
  // until the store has been opened anew.
  absl::Status Write(rocksdb::WriteBatch& batch);

  // Deletes these messages, which are over, some time soon. Nothing rests on it, but after an error
  // the store has to be opened anew before the next Write.
  absl::Status Sweep(ShelfNumber shelf, const ShelfBits& messages);
  // Drops tables that hold nothing but messages of these shelves, which are empty. Nothing rests on
  // it.
  absl::Status DropTables(const std::vector<ShelfRange>& shelves);

  // Tables that hold messages now; what is in memory and in the log is in none.
  uint64_t CountTables() const;

  // What RocksDB says, as our kinds of error; OK if it is OK. `doing` is "open", "write", ….
  absl::Status Explain(std::string_view doing, const rocksdb::Status& status) const;

 private:
  explicit Store(std::string path) : path_(std::move(path)), manifest_(path_) {}

  absl::Status CheckDirectory(IfMissing if_missing, bool& exists);
  absl::Status OpenDatabase(bool exists, size_t memtable_bytes,
                            std::shared_ptr<const KeptMessages> kept);
  absl::Status CheckFormat();
  // From format 1, which had no shelves: a message was there until its key was deleted.
  absl::Status PutOnShelves();
  absl::Status OpenWatermark();
  void RaiseWatermark();

  const std::string path_;
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::ColumnFamilyHandle* declarations_ = nullptr;
  rocksdb::ColumnFamilyHandle* messages_ = nullptr;
  rocksdb::ColumnFamilyHandle* notes_ = nullptr;
  rocksdb::ColumnFamilyHandle* shelves_ = nullptr;
  ManifestWatch manifest_;
  std::unique_ptr<Watermark> watermark_;
};

// DATA_LOSS that names the store and says what to do.
absl::Status Damaged(const std::string& path, std::string_view what);

}  // namespace warren::storage
