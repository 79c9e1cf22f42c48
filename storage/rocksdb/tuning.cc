#include "storage/rocksdb/tuning.h"

#include <rocksdb/table.h>
#include <rocksdb/utilities/table_properties_collectors.h>

#include <memory>
#include <utility>

#include "storage/rocksdb/entry_merge.h"
#include "storage/rocksdb/info_log.h"

namespace warren::storage {
namespace {

constexpr size_t kKiB = size_t{1} << 10;
constexpr size_t kMiB = size_t{1} << 20;

std::shared_ptr<rocksdb::TableFactory> TableFormat() {
  rocksdb::BlockBasedTableOptions table;
  // Nothing is ever looked up, so neither filters nor a cache of any size would earn their keep.
  table.no_block_cache = true;
  table.filter_policy = nullptr;
  table.block_size = 32 * kKiB;
  return std::shared_ptr<rocksdb::TableFactory>(rocksdb::NewBlockBasedTableFactory(table));
}

void SetFilter(rocksdb::ColumnFamilyOptions& options, std::shared_ptr<const KeptMessages> kept) {
  if (kept == nullptr) return;
  options.compaction_filter_factory = std::make_shared<SettledFilterFactory>(std::move(kept));
}

}  // namespace

rocksdb::DBOptions StoreOptions(const std::string& path) {
  rocksdb::DBOptions options;
  options.info_log = std::make_shared<InfoLog>(path);
  options.create_missing_column_families = true;
  // A log that ends in a torn write is what a power cut leaves; Watermark finds real damage.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  // The journal reopens the store after any error; see RocksDbJournal::SitOut.
  options.max_bgerror_resume_count = 0;
  options.max_background_jobs = 2;
  options.allow_concurrent_memtable_write = false;  // one writer
  // The log can't shrink before both column families were flushed, and declarations hardly ever
  // fill a memtable; this flushes them.
  options.max_total_wal_size = 512 * kMiB;
  // Spreads writing-back, so that syncs of the log don't queue behind a whole new file.
  options.bytes_per_sync = kMiB;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  return options;
}

rocksdb::ColumnFamilyOptions DeclarationsOptions() {
  rocksdb::ColumnFamilyOptions options;
  options.write_buffer_size = 16 * kMiB;
  options.compression = rocksdb::kNoCompression;
  options.table_factory = TableFormat();
  return options;
}

rocksdb::ColumnFamilyOptions NotesOptions(std::shared_ptr<const KeptMessages> kept) {
  rocksdb::ColumnFamilyOptions options = DeclarationsOptions();
  options.merge_operator = std::make_shared<EntryMerge>();
  SetFilter(options, std::move(kept));
  return options;
}

rocksdb::ColumnFamilyOptions MessagesOptions(size_t memtable_bytes,
                                             std::shared_ptr<const KeptMessages> kept) {
  rocksdb::ColumnFamilyOptions options;
  options.merge_operator = std::make_shared<EntryMerge>();
  // A message that is settled before its memtable is flushed never gets to a table.
  SetFilter(options, std::move(kept));
  options.write_buffer_size = memtable_bytes;
  options.max_write_buffer_number = 4;
  options.target_file_size_base = 128 * kMiB;
  options.max_bytes_for_level_base = 1024 * kMiB;
  // Bodies are compressed by those who know what is in them; cores go to routing.
  options.compression = rocksdb::kNoCompression;
  // Room for bursts: files at the top cost nothing until the next recovery.
  options.level0_file_num_compaction_trigger = 4;
  options.level0_slowdown_writes_trigger = 32;
  options.level0_stop_writes_trigger = 64;
  // A file that is mostly tombstones is compacted early: gives disk space back, and keeps
  // recovery from walking over long-gone messages.
  options.table_properties_collector_factories.push_back(
      rocksdb::NewCompactOnDeletionCollectorFactory(/*sliding_window_size=*/64 * kKiB,
                                                    /*deletion_trigger=*/32 * kKiB,
                                                    /*deletion_ratio=*/0.5));
  options.table_factory = TableFormat();
  return options;
}

rocksdb::ReadOptions RecoveryReadOptions() {
  rocksdb::ReadOptions options;
  options.ignore_range_deletions = true;
  options.fill_cache = false;
  options.readahead_size = 4 * kMiB;
  options.verify_checksums = true;
  return options;
}

rocksdb::WriteOptions DurableWriteOptions() {
  rocksdb::WriteOptions options;
  options.sync = true;
  return options;
}

rocksdb::WriteOptions LazyWriteOptions() { return {}; }

}  // namespace warren::storage
