// RocksDB's options for the work of a broker: keys in ascending order that mostly live for a
// moment, one writer, no point reads, one long read at the start.
#pragma once

#include <rocksdb/options.h>

#include <cstddef>
#include <memory>
#include <string>

#include "storage/rocksdb/settled_filter.h"

namespace warren::storage {

// Names of the column families; "default" holds the declarations.
inline constexpr char kMessagesFamily[] = "messages";
inline constexpr char kNotesFamily[] = "notes";
inline constexpr char kShelvesFamily[] = "shelves";

// For a store in that directory, which is there.
rocksdb::DBOptions StoreOptions(const std::string& path);
// Few and small keys, many of them overwritten again and again; also of the shelves.
rocksdb::ColumnFamilyOptions DeclarationsOptions();
// `kept`: of which messages tables hold anything; null if they leave out nothing.
rocksdb::ColumnFamilyOptions MessagesOptions(size_t memtable_bytes,
                                             std::shared_ptr<const KeptMessages> kept);
rocksdb::ColumnFamilyOptions NotesOptions(std::shared_ptr<const KeptMessages> kept);
// For the pass over everything at recovery. It doesn't heed range deletions: an iterator that does
// leaves out the rest of a level whose second or later table can't be read, and says that all is
// well (up to RocksDB 8.5).
rocksdb::ReadOptions RecoveryReadOptions();
// The log is on disk before a write returns.
rocksdb::WriteOptions DurableWriteOptions();
// It is some time after, at the latest with the next durable write.
rocksdb::WriteOptions LazyWriteOptions();

}  // namespace warren::storage
