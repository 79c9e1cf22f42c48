#include "storage/rocksdb/rocksdb_journal.h"

#include <rocksdb/iterator.h>

#include <algorithm>
#include <unordered_set>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "storage/codec/record_codec.h"
#include "storage/rocksdb/batch_builder.h"
#include "storage/rocksdb/entry_merge.h"
#include "storage/rocksdb/keys.h"
#include "storage/rocksdb/settled_filter.h"
#include "storage/rocksdb/shelf_codec.h"
#include "storage/rocksdb/shelves.h"
#include "storage/rocksdb/store.h"
#include "storage/rocksdb/tuning.h"
#include "storage/wait.h"

namespace warren::storage {
namespace {

std::string_view View(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

// The exchanges and queues that are declared. An id is never used again, so the window of one that
// is there has never been deleted.
class WindowOwners {
 public:
  // To be told of all declarations. False if it is an entry of the window of one that isn't there.
  bool HasWindowOf(const Record& record) {
    if (const auto* exchange = std::get_if<ExchangeDeclared>(&record)) {
      exchanges_.insert(exchange->id.value);
    } else if (const auto* queue = std::get_if<QueueDeclared>(&record)) {
      queues_.insert(queue->id.value);
    } else if (const auto* seen = std::get_if<MessageIdSeen>(&record)) {
      return seen->exchange ? exchanges_.count(seen->exchange.value) > 0
                            : queues_.count(seen->queue.value) > 0;
    }
    return true;
  }

 private:
  std::unordered_set<uint64_t> exchanges_;
  std::unordered_set<uint64_t> queues_;
};

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
  auto kept = std::make_shared<KeptMessages>();
  absl::StatusOr<std::unique_ptr<Store>> store =
      Store::Open(options.path, Store::IfMissing::kCreate, options.memtable_bytes, kept);
  if (!store.ok()) return store.status();
  return std::unique_ptr<RocksDbJournal>(
      new RocksDbJournal(std::move(options), observer, std::move(kept), *std::move(store)));
}

RocksDbJournal::RocksDbJournal(RocksDbOptions options, JournalObserver* observer,
                               std::shared_ptr<KeptMessages> kept, std::unique_ptr<Store> store)
    : options_(std::move(options)),
      observer_(observer),
      store_(std::move(store)),
      shelves_(std::make_unique<Shelves>(options_.sweep_after_bytes)),
      kept_(std::move(kept)),
      builder_(std::make_unique<BatchBuilder>(*shelves_)) {
  builder_->Target(*store_);
  tables_ = store_->CountTables();
}

RocksDbJournal::~RocksDbJournal() = default;

absl::Status RocksDbJournal::Recover(const RecordSink& sink) {
  absl::Status status = RecoverDeclarations(sink);
  if (status.ok()) status = RecoverShelves();
  if (status.ok()) status = RecoverMessages(sink);
  recovered_ = status.ok();
  return status;
}

absl::Status RocksDbJournal::RecoverShelves() {
  const std::unique_ptr<rocksdb::Iterator> it(
      store_->db().NewIterator(RecoveryReadOptions(), store_->shelves()));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const std::string_view key = View(it->key());
    const std::optional<ShelfNumber> shelf = ShelfNumberOf(key);
    absl::StatusOr<ShelfBits> live = DecodeShelf(View(it->value()));
    if (live.ok() && !shelf) live = absl::DataLossError("a shelf has no number for a key");
    if (!live.ok()) return AtKey(options_.path, "shelves", key, live.status());
    shelves_->Restore(*shelf, *live);
    kept_->Set(*shelf, *live);
  }
  if (!it->status().ok()) return store_->Explain("read", it->status());
  kept_->Complete();
  return absl::OkStatus();
}

absl::StatusOr<bool> RocksDbJournal::IsLive(std::string_view declaration_key) const {
  std::string value;
  const rocksdb::Status got =
      store_->db().Get(rocksdb::ReadOptions(), store_->declarations(),
                       rocksdb::Slice(declaration_key.data(), declaration_key.size()), &value);
  if (got.ok() || got.IsNotFound()) return got.ok();
  return store_->Explain("read", got);
}

absl::Status RocksDbJournal::RecoverDeclarations(const RecordSink& sink) {
  NameCache names;
  // Windows are deleted as ranges, together with their owners, which come before them.
  WindowOwners owners;
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
    if (!owners.HasWindowOf(*record)) {
      const absl::StatusOr<bool> is_live = IsLive(key);
      if (!is_live.ok()) return is_live.status();
      if (!*is_live) continue;
    }
    if (absl::Status taken = sink(*std::move(record)); !taken.ok()) return taken;
  }
  return store_->Explain("read", it->status());
}

absl::Status RocksDbJournal::RecoverMessages(const RecordSink& sink) {
  NameCache names;
  size_t missing = shelves_->live_messages();
  const std::unique_ptr<rocksdb::Iterator> notes(
      store_->db().NewIterator(RecoveryReadOptions(), store_->notes()));
  notes->SeekToFirst();
  // No range of messages is ever deleted.
  const std::unique_ptr<rocksdb::Iterator> it(
      store_->db().NewIterator(RecoveryReadOptions(), store_->messages()));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const std::string_view key = View(it->key());
    const std::optional<MessageId> id = MessageIdOf(key);
    if (id && !shelves_->IsLive(*id)) {
      shelves_->RestoreWaste(*id);
      continue;
    }
    while (notes->Valid() && notes->key().compare(it->key()) < 0) notes->Next();
    const bool noted = notes->Valid() && notes->key() == it->key();
    absl::StatusOr<MessagePublished> message = DecodeMessage(
        View(it->value()), noted ? View(notes->value()) : std::string_view(), names);
    if (message.ok() && (!id || (message->message && message->id != *id))) {
      message = absl::DataLossError("it belongs to another key");
    }
    if (!message.ok()) return AtKey(options_.path, "messages", key, message.status());
    --missing;
    if (!message->message || message->entries.empty()) {
      shelves_->Removed(*id);
      continue;
    }
    if (absl::Status taken = sink(*std::move(message)); !taken.ok()) return taken;
  }
  if (!it->status().ok()) return store_->Explain("read", it->status());
  // Up to the end, so that one that ends early is seen.
  while (notes->Valid()) notes->Next();
  if (!notes->status().ok()) return store_->Explain("read", notes->status());
  if (missing > 0) {
    return Damaged(options_.path, absl::StrCat(missing, " messages that are live are missing"));
  }
  return absl::OkStatus();
}

absl::Status RocksDbJournal::Append(const Batch& batch) {
  if (failed_.ok()) failed_ = Write(batch);
  return failed_;
}

void RocksDbJournal::Tidy() {
  constexpr std::chrono::milliseconds kDropTablesEvery{100};
  for (const Shelves::Sweep& sweep : shelves_->TakeSweeps()) {
    if (tidied_.ok()) tidied_ = store_->Sweep(sweep.shelf, sweep.waste);
  }
  const auto now = std::chrono::steady_clock::now();
  if (!tidied_.ok() || now < drop_tables_from_) return;
  drop_tables_from_ = now + kDropTablesEvery;
  const std::vector<ShelfRange> empty = shelves_->TakeEmpty();
  if (!empty.empty()) tidied_ = store_->DropTables(empty);
}

// RocksDB makes and merges its tables by itself, so they are counted now and then.
void RocksDbJournal::Maintain() {
  constexpr std::chrono::seconds kCountEvery{1};
  if (store_ == nullptr || !failed_.ok()) return;
  Tidy();
  const auto now = std::chrono::steady_clock::now();
  if (now < count_tables_from_) return;
  count_tables_from_ = now + kCountEvery;
  tables_ = store_->CountTables();
}

absl::Status RocksDbJournal::Write(const Batch& batch) {
  if (absl::Status taken = lsns_.Take(batch.lsn); !taken.ok()) return taken;
  if (batch.records.empty()) return absl::OkStatus();
  if (!recovered_) {
    // Without it nobody knows which messages are live.
    absl::Status recovered = Recover([](const Record& /*record*/) { return absl::OkStatus(); });
    if (!recovered.ok()) return recovered;
  }
  if (absl::Status built = builder_->Build(batch); !built.ok()) return built;
  for (const ShelfNumber shelf : shelves_->changed()) kept_->Add(shelf, shelves_->LiveOn(shelf));
  absl::Status written = tidied_.ok() ? store_->Write(builder_->write()) : tidied_;
  if (absl::IsUnavailable(written)) written = SitOut(std::move(written));
  if (!written.ok()) return written;
  for (const ShelfNumber shelf : shelves_->changed()) kept_->Set(shelf, shelves_->LiveOn(shelf));
  shelves_->Committed();
  return absl::OkStatus();
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
  tidied_ = absl::OkStatus();
  absl::StatusOr<std::unique_ptr<Store>> store =
      Store::Open(options_.path, Store::IfMissing::kFail, options_.memtable_bytes, kept_);
  if (!store.ok()) return store.status();
  store_ = *std::move(store);
  builder_->Target(*store_);
  return store_->Write(builder_->write());
}

}  // namespace warren::storage
