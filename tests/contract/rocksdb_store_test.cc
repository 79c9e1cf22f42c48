// What the RocksDB journal promises beyond the contract: crashes, logs that end too early, other
// owners, bounded space. Disks that fail and bytes that change are in rocksdb_faults_test.cc.
//
// A crash is a copy of the directory that is taken while the journal is open: what a process that
// is killed leaves behind. Damage is done to such copies.
#include <rocksdb/db.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "storage/rocksdb/keys.h"
#include "storage/rocksdb/shelf_codec.h"
#include "storage/rocksdb/store.h"
#include "storage/rocksdb/watermark.h"
#include "tests/contract/rocksdb_fixture.h"

namespace warren::storage {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Text that no compression shortens.
std::string RandomText(uint64_t seed, size_t size) {
  Random random(seed);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

class RocksDbStore : public RocksDbFixture {};

TEST_F(RocksDbStore, CrashAfterAnyBatchLosesNothing) {
  const auto journal = OpenOrFail(live());
  for (uint64_t i = 1; i <= 20; ++i) {
    Batch batch = history_.Next();
    batch.lsn = {i};
    ASSERT_TRUE(journal->Append(batch).ok());
    state_.Apply(batch);
    Copy(live(), crashed());
    const auto recovered = Restart(crashed());
    ASSERT_TRUE(recovered.ok()) << recovered.status();
    ASSERT_TRUE(SameState(*recovered, Emitted(state_))) << "after batch " << i;
  }
}

// What a power cut leaves: the log ends somewhere in a write that was not yet durable, and the
// watermark, which is not synced, is that of some earlier time.
TEST_F(RocksDbStore, TornLogGivesTheBatchesThatAreWhole) {
  {
    const auto journal = OpenOrFail(live());
    AppendHistory(*journal, 15);
    Copy(live(), crashed());
  }
  fs::path log;
  for (const fs::path& file : FilesOf(crashed())) {
    if (file.extension() == ".log" && (log.empty() || fs::file_size(file) > fs::file_size(log))) {
      log = file;
    }
  }
  const std::string whole = ReadFile(log);
  const fs::path pristine = directory_.path() + "/pristine";
  Copy(crashed(), pristine);
  Random random(seed_);
  for (int i = 0; i < 40; ++i) {
    const size_t size = i == 0 ? whole.size() : random() % whole.size();
    Copy(pristine, crashed());
    fs::resize_file(log, size);
    fs::remove(Watermark::FileIn(crashed()));
    const auto recovered = Restart(crashed());
    // The write that sets up the store is in the same log.
    if (!recovered.ok()) {
      EXPECT_EQ(recovered.status().code(), absl::StatusCode::kFailedPrecondition);
      continue;
    }
    EXPECT_TRUE(IsAPrefix(*recovered)) << "log cut at " << size << " of " << whole.size();
  }
}

TEST_F(RocksDbStore, LogThatLostWhatWasDurableIsDamage) {
  MakeCrashedStore();
  for (const fs::path& file : FilesOf(crashed())) {
    if (file.extension() == ".log") fs::resize_file(file, fs::file_size(file) / 2);
  }
  for (int start = 0; start < 2; ++start) {
    const absl::Status status = Restart(crashed()).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << "also when it is tried again";
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr(crashed()), HasSubstr("was durable"), HasSubstr("delete ")));
  }
  // The remedy that the error names.
  fs::remove(Watermark::FileIn(crashed()));
  const auto recovered = Restart(crashed());
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_TRUE(IsAPrefix(*recovered));
}

TEST_F(RocksDbStore, OneProcessAtATime) {
  const auto journal = OpenOrFail(live());
  const absl::Status status = RocksDbJournal::Open({.path = live()}, nullptr).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(live()), HasSubstr("in use by another process")));
}

TEST_F(RocksDbStore, NewerFormatIsRefused) {
  OpenOrFail(live()).reset();
  {
    const auto store = Store::Open(live(), Store::IfMissing::kFail, RocksDbOptions().memtable_bytes);
    ASSERT_TRUE(store.ok()) << store.status();
    rocksdb::WriteBatch batch;
    ASSERT_TRUE(batch.Put((*store)->declarations(), FormatKey(), std::to_string(kStoreFormat + 1))
                    .ok());
    ASSERT_TRUE((*store)->Write(batch).ok());
  }
  const absl::Status status = RocksDbJournal::Open({.path = live()}, nullptr).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(live()), HasSubstr(absl::StrCat("has format ", kStoreFormat + 1)), HasSubstr("start the version")));
}

TEST_F(RocksDbStore, DatabaseOfAnotherProgramIsRefused) {
  rocksdb::Options options;
  options.create_if_missing = true;
  rocksdb::DB* db = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open(options, live(), &db).ok());
  EXPECT_TRUE(db->Put({}, "theirs", "data").ok());
  delete db;
  const absl::Status status = RocksDbJournal::Open({.path = live()}, nullptr).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("of another program"));
}

TEST_F(RocksDbStore, ValueUnderAnotherKeyIsDamage) {
  {
    const auto journal = OpenOrFail(live());
    ASSERT_TRUE(journal->Append({.lsn = {1}, .records = {QueueDeclared{{1}, "/", "q", {}}}}).ok());
  }
  {
    const auto store = Store::Open(live(), Store::IfMissing::kFail, RocksDbOptions().memtable_bytes);
    ASSERT_TRUE(store.ok()) << store.status();
    std::string value;
    ASSERT_TRUE((*store)->db().Get({}, (*store)->declarations(), QueueKey({1}), &value).ok());
    ASSERT_TRUE((*store)->db().Put({}, (*store)->declarations(), QueueKey({2}), value).ok());
  }
  EXPECT_EQ(Restart(live()).status().code(), absl::StatusCode::kDataLoss);
}

// A window is deleted as a range, which recovery has to heed by itself.
TEST_F(RocksDbStore, DeletedWindowStaysDeletedAndOthersStay) {
  const MessageIdSeen deleted{{}, {1}, "a", 5};
  const MessageIdSeen kept{{}, {2}, "a", 5};
  const MessageIdSeen without_owner{{3}, {}, "a", 5};
  ASSERT_TRUE(OpenOrFail(live())
                  ->Append({.lsn = {1},
                            .records = {QueueDeclared{{1}, "/", "q", {}},
                                        QueueDeclared{{2}, "/", "p", {}}, deleted, kept,
                                        without_owner}})
                  .ok());
  // What was written before is in a table by now.
  ASSERT_TRUE(OpenOrFail(live())->Append({.lsn = {1}, .records = {QueueDeleted{{1}}}}).ok());
  for (int start = 0; start < 2; ++start) {
    const auto recovered = Restart(live());
    ASSERT_TRUE(recovered.ok()) << recovered.status();
    EXPECT_TRUE(SameState(*recovered, {QueueDeclared{{2}, "/", "p", {}}, kept, without_owner}));
  }
}

TEST_F(RocksDbStore, MessageThatIsRequeuedOnAndOnStaysSmall) {
  {
    const auto journal = OpenOrFail(live());
    std::vector<Record> records = {
        MessagePublished{{1}, MessageWithBody("poison"), {{.queue = {2}}, {.queue = {3}}}}};
    for (uint32_t i = 1; i <= 20'000; ++i) {
      records.push_back(EntryUpdated{{1}, {.queue = {2}, .delivery_count = i}});
    }
    ASSERT_TRUE(journal->Append({.lsn = {1}, .records = std::move(records)}).ok());
  }
  const auto store = Store::Open(live(), Store::IfMissing::kFail, RocksDbOptions().memtable_bytes);
  ASSERT_TRUE(store.ok()) << store.status();
  std::string value;
  ASSERT_TRUE((*store)->db().Get({}, (*store)->notes(), MessageKey({1}), &value).ok());
  EXPECT_LT(value.size(), 100u);
}

// As format 1 had it: no shelves, notes behind the messages, a delete for what is over.
void MakeFormat1(const std::string& path) {
  auto store = Store::Open(path, Store::IfMissing::kFail, RocksDbOptions().memtable_bytes);
  ASSERT_TRUE(store.ok()) << store.status();
  rocksdb::DB& db = (*store)->db();
  rocksdb::WriteBatch batch;
  ASSERT_TRUE(batch.Put((*store)->declarations(), FormatKey(), "1").ok());
  const std::unique_ptr<rocksdb::Iterator> notes(db.NewIterator({}, (*store)->notes()));
  for (notes->SeekToFirst(); notes->Valid(); notes->Next()) {
    ASSERT_TRUE(batch.Merge((*store)->messages(), notes->key(), notes->value()).ok());
  }
  const std::unique_ptr<rocksdb::Iterator> messages(db.NewIterator({}, (*store)->messages()));
  for (messages->SeekToFirst(); messages->Valid(); messages->Next()) {
    const MessageId id = *MessageIdOf({messages->key().data(), messages->key().size()});
    std::string shelf;
    const bool is_there = db.Get({}, (*store)->shelves(), ShelfKey(ShelfOf(id)), &shelf).ok();
    if (!is_there || !DecodeShelf(shelf)->Has(PlaceOf(id))) {
      ASSERT_TRUE(batch.Delete((*store)->messages(), messages->key()).ok());
    }
  }
  ASSERT_TRUE((*store)->Write(batch).ok());
  ASSERT_TRUE(db.DropColumnFamily((*store)->notes()).ok());
  ASSERT_TRUE(db.DropColumnFamily((*store)->shelves()).ok());
}

TEST_F(RocksDbStore, Format1IsConvertedAndGoesOn) {
  AppendHistory(*OpenOrFail(live()), 40);
  ASSERT_NO_FATAL_FAILURE(MakeFormat1(live()));
  const auto converted = Restart(live());
  ASSERT_TRUE(converted.ok()) << converted.status();
  EXPECT_TRUE(SameState(*converted, Emitted(state_)));
  AppendHistory(*OpenOrFail(live()), 40);
  const auto recovered = Restart(live());
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_TRUE(SameState(*recovered, Emitted(state_)));
}

TEST_F(RocksDbStore, LiveMessageThatIsMissingIsDamage) {
  ASSERT_TRUE(OpenOrFail(live())
                  ->Append({.lsn = {1},
                            .records = {MessagePublished{{1}, MessageWithBody("a"), {{{2}}}},
                                        MessagePublished{{3}, MessageWithBody("b"), {{{2}}}}}})
                  .ok());
  {
    const auto store =
        Store::Open(live(), Store::IfMissing::kFail, RocksDbOptions().memtable_bytes);
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_TRUE((*store)->db().Delete({}, (*store)->messages(), MessageKey({1})).ok());
  }
  const absl::Status status = Restart(live()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("1 messages that are live are missing"));
}

// Goal: tidying, whenever it comes, changes nothing that a crash can see; and leaves no more than
// what is live. Small memtables, so that tables are made, filtered, dropped and swept.
TEST_F(RocksDbStore, TidyingLosesNothingAndLeavesNothing) {
  constexpr size_t kBatches = 400;
  RocksDbOptions options{.path = live(), .stop = {}};
  options.memtable_bytes = size_t{64} << 10;
  options.sweep_after_bytes = size_t{64} << 10;
  Random random(seed_);
  const QueueId queue{1};
  {
    auto journal = RocksDbJournal::Open(options, nullptr);
    ASSERT_TRUE(journal.ok()) << journal.status();
    std::vector<MessageId> queued;
    uint64_t next_id = 2;
    for (uint64_t i = 1; i <= kBatches; ++i) {
      Batch batch{.lsn = {i}};
      for (int m = 0; m < 50; ++m) {
        const MessageId id{next_id++};
        auto message = MakeRef<Message>();
        message->body = SharedString(RandomText(id.value, 200));
        message->persistent = true;
        batch.records.push_back(MessagePublished{id, message, {{.queue = queue}}});
        queued.push_back(id);
      }
      // From the front, but for one in a hundred, which stays.
      while (queued.size() > 3'000 || (queued.size() > 100 && random() % 60 != 0)) {
        if (queued.front().value % 100 != 0) {
          batch.records.push_back(EntryRemoved{queued.front(), queue, true});
        } else if (random() % 2 == 0) {
          batch.records.push_back(EntryUpdated{queued.front(), {.queue = queue, .due_at_ms = 7}});
        }
        queued.erase(queued.begin());
      }
      ASSERT_TRUE((*journal)->Append(batch).ok());
      state_.Apply(batch);
      (*journal)->Maintain();
      if (i % 40 != 0) continue;
      Copy(live(), crashed());
      const auto recovered = Restart(crashed());
      ASSERT_TRUE(recovered.ok()) << recovered.status();
      ASSERT_TRUE(SameState(*recovered, Emitted(state_))) << "after batch " << i;
    }
  }
  const auto store = Store::Open(live(), Store::IfMissing::kFail, options.memtable_bytes);
  ASSERT_TRUE(store.ok()) << store.status();
  size_t stored = 0;
  const std::unique_ptr<rocksdb::Iterator> it((*store)->db().NewIterator({}, (*store)->messages()));
  for (it->SeekToFirst(); it->Valid(); it->Next()) ++stored;
  EXPECT_LT(stored, 50 * kBatches / 2) << "most is over";
}

// A gibibyte of messages passes by one that stays.
TEST_F(RocksDbStore, SpaceComesBackAlthoughOneMessageStays) {
  constexpr int kBatches = 1024;
  constexpr int kMessagesPerBatch = 64;
  constexpr uint64_t kMostBytes = uint64_t{640} << 20;
  const QueueId queue{1};
  auto message = MakeRef<Message>();
  message->body = SharedString(RandomText(seed_, 16 << 10));
  const auto journal = OpenOrFail(live());
  ASSERT_TRUE(journal->Append({.lsn = {1},
                               .records = {QueueDeclared{.id = queue, .name = "q"},
                                           MessagePublished{{2}, message, {{.queue = queue}}}}})
                  .ok());
  uint64_t next_id = 3;
  for (int i = 0; i < kBatches; ++i) {
    Batch batch{.lsn = {static_cast<uint64_t>(i) + 2}};
    for (int m = 0; m < kMessagesPerBatch; ++m, ++next_id) {
      batch.records.push_back(MessagePublished{{next_id}, message, {{.queue = queue}}});
      if (i > 0) {
        batch.records.push_back(EntryRemoved{{next_id - kMessagesPerBatch}, queue, true});
      }
    }
    ASSERT_TRUE(journal->Append(batch).ok());
    journal->Maintain();
  }
  uint64_t bytes = 0;
  for (const fs::path& file : FilesOf(live())) {
    std::error_code gone;
    const uint64_t size = fs::file_size(file, gone);
    if (!gone) bytes += size;
  }
  EXPECT_LT(bytes, kMostBytes);
}

}  // namespace
}  // namespace warren::storage
