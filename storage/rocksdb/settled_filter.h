// Drops messages that are over while RocksDB makes its tables, so that a body that was settled
// before its memtable is flushed is never written to one, and others go with the next compaction.
//
// KeptMessages is what the filter goes by: of each shelf the messages that must be kept, which are
// the live ones and whatever isn't durably over yet.
//
// Thread safety: KeptMessages is thread-safe, a filter belongs to the thread that it is made for.
//
// Invariants:
// 1. A message is kept from before it is written until after its removal is durable; so whatever a
//    table is made of, no message is dropped that a crash at any time would need.
// 2. Before Complete, everything is kept.
#pragma once

#include <rocksdb/compaction_filter.h>

#include <atomic>
#include <map>
#include <memory>
#include <utility>

#include "storage/rocksdb/shelves.h"
#include "sync/mutex.h"

namespace warren::storage {

class KeptMessages {
 public:
  // These are kept as well.
  void Add(ShelfNumber shelf, const ShelfBits& messages);
  // These are kept from now on, and no others of the shelf.
  void Set(ShelfNumber shelf, const ShelfBits& messages);
  // All that is live has been told.
  void Complete() { complete_ = true; }

  bool complete() const { return complete_; }
  // What is kept on the shelf, and the first shelf above on which something is; `shelf` + 1 if
  // there is none.
  struct Around {
    ShelfBits kept;
    ShelfNumber next = 0;
  };
  Around Look(ShelfNumber shelf) const;

 private:
  std::atomic<bool> complete_{false};
  mutable Mutex mutex_;
  std::map<ShelfNumber, ShelfBits> kept_ WARREN_GUARDED_BY(mutex_);  // shelves with any
};

class SettledFilterFactory : public rocksdb::CompactionFilterFactory {
 public:
  explicit SettledFilterFactory(std::shared_ptr<const KeptMessages> kept)
      : kept_(std::move(kept)) {}

  const char* Name() const override { return "warren.SettledFilter"; }
  bool ShouldFilterTableFileCreation(rocksdb::TableFileCreationReason reason) const override;
  std::unique_ptr<rocksdb::CompactionFilter> CreateCompactionFilter(
      const rocksdb::CompactionFilter::Context& context) override;

 private:
  const std::shared_ptr<const KeptMessages> kept_;
};

}  // namespace warren::storage
