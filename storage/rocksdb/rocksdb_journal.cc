#include "storage/rocksdb/rocksdb_journal.h"

#include <rocksdb/iterator.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/codec/record_codec.h"
#include "storage/rocksdb/batch_builder.h"
#include "storage/rocksdb/entry_merge.h"
#include "storage/rocksdb/keys.h"
#include "storage/rocksdb/store.h"
#include "storage/rocksdb/tuning.h"
#include "storage/wait.h"

namespace warren::storage {
namespace {

std::string_view View(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

// Says where a value of the store can't be read. Keeps the code: an encoding that is too new is no
// damage.
absl::Status AtKey(const std::string& path, std::string_view family, std::string_view key,
                   const absl::Status& status) {
  const std::string what = absl::StrCat("the value of key ", PrintableKey(key), " in ",
                                        absl::string_view(family.data(), family.size()), ": ",
                                        status.message());
  if (absl::IsDataLoss(status)) return Damaged(path, what);
  return absl::Status(status.code(), absl::StrCat("store rocksdb:", path, ": ", what));
}

}  // namespace

absl::StatusOr<std::unique_ptr<RocksDbJournal>> RocksDbJournal::Open(RocksDbOptions options,
                                                                     JournalObserver* observer) {
  absl::StatusOr<std::unique_ptr<Store>> store =
      Store::Open(options.path, Store::IfMissing::kCreate, options.memtable_bytes);
  if (!store.ok()) return store.status();
  return std::unique_ptr<RocksDbJournal>(
      new RocksDbJournal(std::move(options), observer, *std::move(store)));
}

RocksDbJournal::RocksDbJournal(RocksDbOptions options, JournalObserver* observer,
                               std::unique_ptr<Store> store)
    : options_(std::move(options)),
      observer_(observer),
      store_(std::move(store)),
      builder_(std::make_unique<BatchBuilder>()) {
  builder_->Target(store_->declarations(), store_->messages());
}

RocksDbJournal::~RocksDbJournal() = default;

absl::Status RocksDbJournal::Recover(const RecordSink& sink) {
  absl::Status status = RecoverDeclarations(sink);
  return status.ok() ? RecoverMessages(sink) : status;
}

absl::Status RocksDbJournal::RecoverDeclarations(const RecordSink& sink) {
  NameCache names;
  const std::unique_ptr<rocksdb::Iterator> it(
      store_->db().NewIterator(RecoveryReadOptions(), store_->declarations()));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const std::string_view key = View(it->key());
    if (key == FormatKey()) continue;
    std::string_view value = View(it->value());
    absl::StatusOr<Record> record = DecodeRecord(value, names);
    if (record.ok() && (!value.empty() || KeyOf(*record) != key)) {
      record = absl::DataLossError("it belongs to another key");
    }
    if (!record.ok()) return AtKey(options_.path, "declarations", key, record.status());
    if (absl::Status taken = sink(*std::move(record)); !taken.ok()) return taken;
  }
  return store_->Explain("read", it->status());
}

absl::Status RocksDbJournal::RecoverMessages(const RecordSink& sink) {
  NameCache names;
  const std::unique_ptr<rocksdb::Iterator> it(
      store_->db().NewIterator(RecoveryReadOptions(), store_->messages()));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const std::string_view key = View(it->key());
    absl::StatusOr<MessagePublished> message = DecodeMessage(View(it->value()), names);
    if (message.ok() && message->message && MessageKey(message->id) != key) {
      message = absl::DataLossError("it belongs to another key");
    }
    if (!message.ok()) return AtKey(options_.path, "messages", key, message.status());
    if (!message->message || message->entries.empty()) continue;
    if (absl::Status taken = sink(*std::move(message)); !taken.ok()) return taken;
  }
  return store_->Explain("read", it->status());
}

absl::Status RocksDbJournal::Append(const Batch& batch) {
  if (failed_.ok()) failed_ = Write(batch);
  return failed_;
}

absl::Status RocksDbJournal::Write(const Batch& batch) {
  if (absl::Status taken = lsns_.Take(batch.lsn); !taken.ok()) return taken;
  if (batch.records.empty()) return absl::OkStatus();
  if (absl::Status built = builder_->Build(batch); !built.ok()) return built;
  absl::Status written = store_->Write(builder_->write());
  return absl::IsUnavailable(written) ? SitOut(std::move(written)) : written;
}

absl::Status RocksDbJournal::SitOut(absl::Status trouble) {
  std::chrono::milliseconds pause = options_.retry_first;
  std::string told;
  while (absl::IsUnavailable(trouble)) {
    if (observer_ != nullptr && told != trouble.message()) {
      told = std::string(trouble.message());
      observer_->OnStalled(told);
    }
    if (!WaitUnlessStopped(options_.stop, pause)) {
      return absl::CancelledError(absl::StrCat("stopped while waiting: ", trouble.message()));
    }
    pause = std::min(pause * 2, options_.retry_most);
    trouble = ReopenAndWrite();
  }
  if (trouble.ok() && observer_ != nullptr) observer_->OnResumed();
  return trouble;
}

absl::Status RocksDbJournal::ReopenAndWrite() {
  store_.reset();  // gives up the lock, which Open takes again
  absl::StatusOr<std::unique_ptr<Store>> store =
      Store::Open(options_.path, Store::IfMissing::kFail, options_.memtable_bytes);
  if (!store.ok()) return store.status();
  store_ = *std::move(store);
  builder_->Target(store_->declarations(), store_->messages());
  return store_->Write(builder_->write());
}

}  // namespace warren::storage
