#include "storage/rocksdb/store.h"

#include <rocksdb/convenience.h>
#include <rocksdb/iterator.h>

#include <charconv>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/absl_view.h"
#include "storage/rocksdb/keys.h"
#include "storage/rocksdb/shelf_codec.h"
#include "storage/rocksdb/tuning.h"

namespace warren::storage {
namespace {

// RocksDB gives a lock that is taken no code of its own; an error of the disk at the lock's file is
// something else.
bool IsLocked(const rocksdb::Status& status) {
  const std::string what = status.ToString();
  return status.IsIOError() && absl::StrContains(what, "/LOCK: ") &&
         (absl::StrContains(what, "lock hold by current process") ||
          absl::StrContains(what, "While lock file"));
}

// Of a directory.
bool MayPass(const std::error_code& error) {
  return error == std::errc::io_error || error == std::errc::no_space_on_device ||
         error == std::errc::too_many_files_open || error == std::errc::too_many_files_open_in_system;
}

// RocksDB has other codes where it couldn't look at a file: a table; or CURRENT, which we know to be
// there, and of which it blames direct I/O, which we don't ask for.
bool IsErrorOfTheDisk(const rocksdb::Status& status) {
  const std::string what = status.ToString();
  return (absl::StrContains(what, "IO error") && !absl::StrContains(what, "No such file")) ||
         absl::StrContains(what, "create_if_missing is false") ||
         absl::StrContains(what, "Direct I/O is not supported");
}

// Names the store in what a part of it says.
absl::Status DamagedIfLoss(const std::string& path, const absl::Status& status) {
  return absl::IsDataLoss(status) ? Damaged(path, std::string(status.message())) : status;
}

}  // namespace

absl::Status Damaged(const std::string& path, std::string_view what) {
  return absl::DataLossError(absl::StrCat(
      "store rocksdb:", path, " is damaged: ", Absl(what),
      "; restore the directory from a backup, or move it away to start without its messages"));
}

absl::Status Store::Explain(std::string_view doing, const rocksdb::Status& status) const {
  if (status.ok()) return absl::OkStatus();
  const std::string what = status.ToString();
  const std::string store = absl::StrCat("store rocksdb:", path_);
  if (IsLocked(status)) {
    return absl::FailedPreconditionError(absl::StrCat(
        store, " is in use by another process; stop that one or give this one a directory of its "
        "own (", what, ")"));
  }
  const bool may_pass = IsErrorOfTheDisk(status);
  // A file that the manifest names and that isn't there is damage as well.
  if ((status.IsCorruption() || status.IsPathNotFound()) && !may_pass) return Damaged(path_, what);
  if ((status.IsInvalidArgument() || status.IsNotSupported()) && !may_pass) {
    return absl::FailedPreconditionError(absl::StrCat(
        "can't ", Absl(doing), " ", store, ": ", what,
        "; it belongs to another program or to a newer version of this one"));
  }
  return absl::UnavailableError(absl::StrCat("can't ", Absl(doing), " ", store, ": ", what));
}

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const std::string& path, IfMissing if_missing,
                                                   size_t memtable_bytes,
                                                   std::shared_ptr<const KeptMessages> kept) {
  auto store = std::unique_ptr<Store>(new Store(path));
  bool exists = false;
  absl::Status status = store->CheckDirectory(if_missing, exists);
  if (status.ok()) status = store->OpenDatabase(exists, memtable_bytes, std::move(kept));
  if (status.ok()) status = store->CheckFormat();
  if (status.ok()) status = store->OpenWatermark();
  if (!status.ok()) return status;
  return store;
}

Store::~Store() {
  if (db_ == nullptr) return;
  db_->DestroyColumnFamilyHandle(shelves_);
  db_->DestroyColumnFamilyHandle(notes_);
  db_->DestroyColumnFamilyHandle(messages_);
  db_->DestroyColumnFamilyHandle(declarations_);
  // What could fail here was made durable before, so there is nobody to tell.
  db_->Close().PermitUncheckedError();
}

// All that can be seen without opening the database, since RocksDB, when it opens a damaged one,
// deletes files that it doesn't know of any more.
absl::Status Store::CheckDirectory(IfMissing if_missing, bool& exists) {
  std::error_code error;
  if (if_missing == IfMissing::kCreate) std::filesystem::create_directories(path_, error);
  exists = !error && std::filesystem::exists(path_ + "/CURRENT", error);
  if (error) {
    const std::string what =
        absl::StrCat("can't use directory ", path_, " for the store: ", error.message());
    if (MayPass(error)) {
      return absl::UnavailableError(what + "; check the disk and its file system");
    }
    return absl::FailedPreconditionError(what + "; give one that can be written");
  }
  const absl::StatusOr<Durable> durable = Watermark::Read(path_);
  if (!durable.ok()) return DamagedIfLoss(path_, durable.status());
  if (exists) return DamagedIfLoss(path_, CheckManifest(path_, durable->manifest));
  if (if_missing == IfMissing::kFail || durable->sequence > 0) {
    return Damaged(path_, "the file CURRENT is missing");
  }
  return absl::OkStatus();
}

absl::Status Store::OpenDatabase(bool exists, size_t memtable_bytes,
                                 std::shared_ptr<const KeptMessages> kept) {
  rocksdb::DBOptions options = StoreOptions(path_);
  options.create_if_missing = !exists;
  const std::vector<rocksdb::ColumnFamilyDescriptor> families = {
      {rocksdb::kDefaultColumnFamilyName, DeclarationsOptions()},
      {kMessagesFamily, MessagesOptions(memtable_bytes, kept)},
      {kNotesFamily, NotesOptions(std::move(kept))},
      {kShelvesFamily, DeclarationsOptions()}};
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened = rocksdb::DB::Open(options, path_, families, &handles, &db);
  if (!opened.ok()) return Explain("open", opened);
  db_.reset(db);
  declarations_ = handles[0];
  messages_ = handles[1];
  notes_ = handles[2];
  shelves_ = handles[3];
  return absl::OkStatus();
}

absl::Status Store::CheckFormat() {
  std::string found;
  const rocksdb::Status got =
      db_->Get(rocksdb::ReadOptions(), declarations_, FormatKey(), &found);
  if (got.IsNotFound()) {
    if (db_->GetLatestSequenceNumber() != 0) {
      return absl::FailedPreconditionError(
          absl::StrCat("directory ", path_, " holds a RocksDB database of another program; give "
                       "the broker a directory of its own"));
    }
    const rocksdb::Status put = db_->Put(DurableWriteOptions(), declarations_, FormatKey(),
                                         std::to_string(kStoreFormat));
    return Explain("create", put);
  }
  if (!got.ok()) return Explain("open", got);
  int format = 0;
  const char* end = found.data() + found.size();
  const auto [stopped, code] = std::from_chars(found.data(), end, format);
  if (code != std::errc() || stopped != end || format < 1) {
    return Damaged(path_, "its format version can't be read");
  }
  if (format > kStoreFormat) {
    return absl::FailedPreconditionError(absl::StrCat(
        "store rocksdb:", path_, " has format ", format, ", this program knows up to ",
        kStoreFormat, "; start the version that wrote it, or a later one"));
  }
  return format == 1 ? PutOnShelves() : absl::OkStatus();
}

absl::Status Store::PutOnShelves() {
  rocksdb::WriteBatch batch;
  rocksdb::Status put = batch.Put(declarations_, FormatKey(), std::to_string(kStoreFormat));
  ShelfNumber shelf = 0;
  ShelfBits live;
  const auto put_shelf = [&]() -> absl::Status {
    const absl::StatusOr<std::string> value = EncodeShelf(live);
    if (!value.ok()) return value.status();
    if (put.ok()) put = batch.Put(shelves_, ShelfKey(shelf), *value);
    live = {};
    return absl::OkStatus();
  };
  const std::unique_ptr<rocksdb::Iterator> it(
      db_->NewIterator(RecoveryReadOptions(), messages_));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const std::optional<MessageId> id = MessageIdOf({it->key().data(), it->key().size()});
    if (!id) return Damaged(path_, "a message has no id for a key");
    if (live != ShelfBits() && ShelfOf(*id) != shelf) {
      if (absl::Status status = put_shelf(); !status.ok()) return status;
    }
    shelf = ShelfOf(*id);
    live.Add(PlaceOf(*id));
  }
  if (!it->status().ok()) return Explain("convert", it->status());
  if (live != ShelfBits()) {
    if (absl::Status status = put_shelf(); !status.ok()) return status;
  }
  if (put.ok()) put = db_->Write(DurableWriteOptions(), &batch);
  return Explain("convert", put);
}

absl::Status Store::Sweep(ShelfNumber shelf, const ShelfBits& messages) {
  rocksdb::WriteBatch batch;
  for (size_t place = messages.NextFrom(0); place < kShelfIds;
       place = messages.NextFrom(place + 1)) {
    const rocksdb::Status status =
        batch.Delete(messages_, MessageKey({FirstOn(shelf).value + place}));
    if (!status.ok()) return Explain("sweep", status);
  }
  return Explain("sweep", db_->Write(LazyWriteOptions(), &batch));
}

absl::Status Store::DropTables(const std::vector<ShelfRange>& shelves) {
  std::vector<std::string> keys;
  for (const ShelfRange& range : shelves) {
    keys.push_back(MessageKey(FirstOn(range.first)));
    keys.push_back(MessageKey(FirstOn(range.end)));
  }
  const std::vector<rocksdb::Slice> bounds(keys.begin(), keys.end());
  std::vector<rocksdb::RangePtr> ranges;
  for (size_t i = 0; i < bounds.size(); i += 2) ranges.emplace_back(&bounds[i], &bounds[i + 1]);
  return Explain("tidy", rocksdb::DeleteFilesInRanges(db_.get(), messages_, ranges.data(),
                                                      ranges.size(), /*include_end=*/false));
}

absl::Status Store::OpenWatermark() {
  absl::StatusOr<Watermark> watermark = Watermark::Open(path_);
  if (!watermark.ok()) return DamagedIfLoss(path_, watermark.status());
  watermark_ = std::make_unique<Watermark>(*std::move(watermark));
  const uint64_t last = db_->GetLatestSequenceNumber();
  const uint64_t durable = watermark_->value().sequence;
  if (last < durable) {
    return Damaged(path_, absl::StrCat("it ends at write ", last, ", but write ", durable,
                                       " was durable; to go on with what is left, and lose what "
                                       "is missing, delete ",
                                       Watermark::FileIn(path_)));
  }
  RaiseWatermark();
  return absl::OkStatus();
}

void Store::RaiseWatermark() {
  watermark_->Raise(
      {.sequence = db_->GetLatestSequenceNumber(), .manifest = manifest_.Refresh()});
}

uint64_t Store::CountTables() const {
  uint64_t tables = 0;
  for (int level = 0; level < db_->NumberLevels(messages_); ++level) {
    std::string files;
    if (db_->GetProperty(messages_, absl::StrCat("rocksdb.num-files-at-level", level), &files)) {
      tables += std::stoull(files);
    }
  }
  return tables;
}

absl::Status Store::Write(rocksdb::WriteBatch& batch) {
  absl::Status written = Explain("write to", db_->Write(DurableWriteOptions(), &batch));
  if (written.ok()) RaiseWatermark();
  return written;
}

}  // namespace warren::storage
