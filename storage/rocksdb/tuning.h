// RocksDB's options for the work of a broker: keys in ascending order that mostly live for a
// moment, one writer, no point reads, one long read at the start.
#pragma once

#include <rocksdb/options.h>

#include <cstddef>
#include <string>

namespace warren::storage {

// Names of the column families; "default" holds all but the messages.
inline constexpr char kMessagesFamily[] = "messages";

// For a store in that directory, which is there.
rocksdb::DBOptions StoreOptions(const std::string& path);
// Few and small keys, many of them overwritten again and again.
rocksdb::ColumnFamilyOptions DeclarationsOptions();
rocksdb::ColumnFamilyOptions MessagesOptions(size_t memtable_bytes);
// For the pass over everything at recovery. It doesn't heed range deletions: an iterator that does
// leaves out the rest of a level whose second or later table can't be read, and says that all is
// well (up to RocksDB 8.5).
rocksdb::ReadOptions RecoveryReadOptions();
// The log is on disk before a write returns.
rocksdb::WriteOptions DurableWriteOptions();

}  // namespace warren::storage
