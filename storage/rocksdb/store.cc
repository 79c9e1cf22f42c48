#include "storage/rocksdb/store.h"

#include <charconv>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/rocksdb/keys.h"
#include "storage/rocksdb/tuning.h"

namespace warren::storage {
namespace {

absl::string_view Absl(std::string_view s) { return {s.data(), s.size()}; }

// RocksDB gives a lock that is taken no code of its own.
bool IsLocked(const rocksdb::Status& status) {
  return status.IsIOError() && absl::StrContains(status.ToString(), "/LOCK: ") &&
         absl::StrContains(status.ToString(), "lock");
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
  // A file that the manifest names and that isn't there is damage as well.
  if (status.IsCorruption() || status.IsPathNotFound()) return Damaged(path_, what);
  if (IsLocked(status)) {
    return absl::FailedPreconditionError(absl::StrCat(
        store, " is in use by another process; stop that one or give this one a directory of its "
        "own (", what, ")"));
  }
  if (status.IsInvalidArgument() || status.IsNotSupported()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "can't ", Absl(doing), " ", store, ": ", what,
        "; it belongs to another program or to a newer version of this one"));
  }
  return absl::UnavailableError(absl::StrCat("can't ", Absl(doing), " ", store, ": ", what));
}

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const std::string& path, IfMissing if_missing,
                                                   rocksdb::Env* env) {
  auto store = std::unique_ptr<Store>(new Store(path));
  absl::Status status = store->OpenDatabase(if_missing, env);
  if (status.ok()) status = store->CheckFormat();
  if (status.ok()) status = store->CheckWatermark();
  if (!status.ok()) return status;
  return store;
}

Store::~Store() {
  if (db_ == nullptr) return;
  db_->DestroyColumnFamilyHandle(messages_);
  db_->DestroyColumnFamilyHandle(declarations_);
  // What could fail here was made durable before, so there is nobody to tell.
  db_->Close().PermitUncheckedError();
}

absl::Status Store::OpenDatabase(IfMissing if_missing, rocksdb::Env* env) {
  rocksdb::DBOptions options = StoreOptions(env);
  std::error_code error;
  if (if_missing == IfMissing::kCreate) std::filesystem::create_directories(path_, error);
  const bool exists = !error && std::filesystem::exists(path_ + "/CURRENT", error);
  if (error) {
    return absl::FailedPreconditionError(
        absl::StrCat("can't use directory ", path_, " for the store: ", error.message(),
                     "; give one that can be written"));
  }
  if (!exists) {
    // RocksDB would take the directory for an empty one and delete what else is left of the store.
    if (if_missing == IfMissing::kFail ||
        std::filesystem::exists(Watermark::FileIn(path_), error)) {
      return Damaged(path_, "the file CURRENT is missing");
    }
    options.create_if_missing = true;
  }
  const std::vector<rocksdb::ColumnFamilyDescriptor> families = {
      {rocksdb::kDefaultColumnFamilyName, DeclarationsOptions()},
      {kMessagesFamily, MessagesOptions()}};
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened = rocksdb::DB::Open(options, path_, families, &handles, &db);
  if (!opened.ok()) return Explain("open", opened);
  db_.reset(db);
  declarations_ = handles[0];
  messages_ = handles[1];
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
  return absl::OkStatus();
}

absl::Status Store::CheckWatermark() {
  absl::StatusOr<Watermark> watermark = Watermark::Open(path_);
  if (absl::IsDataLoss(watermark.status())) {
    return Damaged(path_, std::string(watermark.status().message()));
  }
  if (!watermark.ok()) return watermark.status();
  watermark_ = std::make_unique<Watermark>(*std::move(watermark));
  const uint64_t last = db_->GetLatestSequenceNumber();
  if (last < watermark_->value()) {
    return Damaged(path_, absl::StrCat("it ends at write ", last, ", but write ",
                                       watermark_->value(), " was durable; to go on with what is "
                                       "left, and lose what is missing, delete ",
                                       Watermark::FileIn(path_)));
  }
  watermark_->Raise(last);
  return absl::OkStatus();
}

absl::Status Store::Write(rocksdb::WriteBatch& batch) {
  if (absl::Status s = Explain("write to", db_->Write(DurableWriteOptions(), &batch)); !s.ok()) {
    return s;
  }
  watermark_->Raise(db_->GetLatestSequenceNumber());
  return absl::OkStatus();
}

}  // namespace warren::storage
