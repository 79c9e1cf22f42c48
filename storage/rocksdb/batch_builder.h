// Turns a batch of records into one RocksDB write: the fold that LiveState describes, as puts,
// deletes and merges of keys. That a message is over is a bit of its shelf (shelves.h).
//
// Thread safety: thread-compatible.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <string>

#include "absl/status/status.h"
#include "storage/record.h"
#include "storage/rocksdb/shelves.h"
#include "storage/rocksdb/store.h"

namespace warren::storage {

class BatchBuilder {
 public:
  // `shelves` outlives it, and is told of what each batch does.
  explicit BatchBuilder(Shelves& shelves) : shelves_(shelves) {}

  // Where the next batch goes. Handles change when the store is opened anew.
  void Target(const Store& store);

  // Replaces what write() holds by this batch. INVALID_ARGUMENT if a record can't be stored.
  // REQUIRES: Shelves::Committed has been called for the batch before.
  absl::Status Build(const Batch& batch);
  rocksdb::WriteBatch& write() { return write_; }

 private:
  struct Visitor;

  absl::Status Add(const Record& record);
  absl::Status PutDeclaration(const Record& record);
  absl::Status PutMessage(const Record& record, MessageId id);
  absl::Status MergeEntry(const Record& record, MessageId id);
  absl::Status Delete(const std::string& declaration_key);
  absl::Status DropWindow(ExchangeId exchange, QueueId queue);
  absl::Status PutShelves();

  Shelves& shelves_;
  rocksdb::ColumnFamilyHandle* declarations_ = nullptr;
  rocksdb::ColumnFamilyHandle* messages_ = nullptr;
  rocksdb::ColumnFamilyHandle* notes_ = nullptr;
  rocksdb::ColumnFamilyHandle* shelves_family_ = nullptr;
  rocksdb::WriteBatch write_;
  std::string head_;  // scratch
};

}  // namespace warren::storage
