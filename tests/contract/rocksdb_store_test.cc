// What the RocksDB journal promises beyond the contract: crashes, damage, full disks, other owners.
//
// A crash is a copy of the directory that is taken while the journal is open: what a process that
// is killed leaves behind. Damage is done to such copies.
#include <rocksdb/db.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/rocksdb/keys.h"
#include "storage/rocksdb/rocksdb_journal.h"
#include "storage/rocksdb/store.h"
#include "storage/rocksdb/watermark.h"
#include "tests/contract/failing_file_system.h"
#include "tests/contract/observer.h"
#include "tests/contract/records.h"
#include "tests/contract/temporary_directory.h"

namespace warren::storage {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::unique_ptr<RocksDbJournal> OpenOrFail(const std::string& path) {
  auto journal = RocksDbJournal::Open({.path = path}, nullptr);
  EXPECT_TRUE(journal.ok()) << journal.status();
  return journal.ok() ? *std::move(journal) : nullptr;
}

// Open and recover, as a broker does at its start.
absl::StatusOr<std::vector<Record>> Restart(const std::string& path) {
  auto journal = RocksDbJournal::Open({.path = path}, nullptr);
  if (!journal.ok()) return journal.status();
  std::vector<Record> records;
  const absl::Status recovered = (*journal)->Recover([&records](Record record) {
    records.push_back(std::move(record));
    return absl::OkStatus();
  });
  if (!recovered.ok()) return recovered;
  return records;
}

void Copy(const fs::path& from, const fs::path& to) {
  fs::remove_all(to);
  fs::create_directories(to);
  for (const auto& file : fs::directory_iterator(from)) {
    // RocksDB's threads may remove a file that is no longer needed at any time.
    std::error_code gone;
    fs::copy_file(file.path(), to / file.path().filename(), gone);
  }
}

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void WriteFile(const fs::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

// The files that hold anything: neither RocksDB's own log nor the empty lock.
std::vector<fs::path> FilesOf(const fs::path& directory) {
  std::vector<fs::path> files;
  for (const auto& file : fs::directory_iterator(directory)) {
    const std::string name = file.path().filename();
    if (name != "LOCK" && !name.starts_with("LOG")) files.push_back(file.path());
  }
  return files;
}

// Text that no compression shortens.
std::string RandomText(uint64_t seed, size_t size) {
  Random random(seed);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

class RocksDbStore : public ::testing::Test {
 protected:
  RocksDbStore() : seed_(TestSeed()), trace_(__FILE__, __LINE__, SeedTrace(seed_)) {}

  std::string live() const { return directory_.path() + "/live"; }
  std::string crashed() const { return directory_.path() + "/crashed"; }

  // Appends `batches` batches of a random history, and keeps the state before and after each.
  void AppendHistory(RocksDbJournal& journal, int batches) {
    states_.push_back(Emitted(state_));
    for (int i = 0; i < batches; ++i) {
      Batch batch = history_.Next();
      state_.Apply(batch);
      batch.lsn = {static_cast<uint64_t>(i) + 1};
      ASSERT_TRUE(journal.Append(batch).ok());
      states_.push_back(Emitted(state_));
    }
  }

  // A crashed store of which part is in tables and part in the log.
  void MakeCrashedStore() {
    AppendHistory(*OpenOrFail(live()), 20);
    // Opening moves what the log has into tables.
    const auto journal = OpenOrFail(live());
    AppendHistory(*journal, 10);
    Copy(live(), crashed());
  }

  bool IsAPrefix(const std::vector<Record>& recovered) const {
    for (const auto& state : states_) {
      if (SameState(recovered, state)) return true;
    }
    return false;
  }

  const uint64_t seed_;
  const ::testing::ScopedTrace trace_;
  const TemporaryDirectory directory_;
  History history_{seed_};
  LiveState state_;
  std::vector<std::vector<Record>> states_;
};

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

// Goal: whatever happens to one file, the store comes back whole or says that it is damaged.
TEST_F(RocksDbStore, DamageToAnyFileIsAnErrorOrHarmless) {
  MakeCrashedStore();
  const fs::path pristine = directory_.path() + "/pristine";
  Copy(crashed(), pristine);
  Random random(seed_);
  int errors = 0;
  const auto expect_error_or_all = [&](const fs::path& file, const std::string& damage) {
    const auto recovered = Restart(crashed());
    if (recovered.ok()) {
      ASSERT_TRUE(SameState(*recovered, states_.back())) << damage << " of " << file;
    } else {
      ++errors;
      EXPECT_THAT(std::string(recovered.status().message()), HasSubstr(crashed()));
      EXPECT_TRUE(absl::IsDataLoss(recovered.status()) ||
                  absl::IsFailedPrecondition(recovered.status()))
          << recovered.status() << " by " << damage << " of " << file;
    }
  };
  for (const fs::path& file : FilesOf(pristine)) {
    const std::string content = ReadFile(file);
    if (content.empty()) continue;
    const fs::path damaged = fs::path(crashed()) / file.filename();
    for (int i = 0; i < 12; ++i) {
      Copy(pristine, crashed());
      const size_t at = random() % content.size();
      std::string flipped = content;
      flipped[at] ^= static_cast<char>(1 + random() % 255);
      WriteFile(damaged, flipped);
      expect_error_or_all(file, "flipped byte " + std::to_string(at));

      Copy(pristine, crashed());
      fs::resize_file(damaged, i == 0 ? 0 : at);
      expect_error_or_all(file, "truncation at " + std::to_string(i == 0 ? 0 : at));
      if (HasFatalFailure()) return;
    }
    Copy(pristine, crashed());
    fs::remove(damaged);
    if (damaged != Watermark::FileIn(crashed())) expect_error_or_all(file, "removal");
  }
  EXPECT_GT(errors, 0);
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
    const auto store = Store::Open(live(), Store::IfMissing::kFail, nullptr);
    ASSERT_TRUE(store.ok()) << store.status();
    rocksdb::WriteBatch batch;
    ASSERT_TRUE(batch.Put((*store)->declarations(), FormatKey(), std::to_string(kStoreFormat + 1))
                    .ok());
    ASSERT_TRUE((*store)->Write(batch).ok());
  }
  const absl::Status status = RocksDbJournal::Open({.path = live()}, nullptr).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(live()), HasSubstr("has format 2"), HasSubstr("start the version")));
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
    const auto store = Store::Open(live(), Store::IfMissing::kFail, nullptr);
    ASSERT_TRUE(store.ok()) << store.status();
    std::string value;
    ASSERT_TRUE((*store)->db().Get({}, (*store)->declarations(), QueueKey({1}), &value).ok());
    ASSERT_TRUE((*store)->db().Put({}, (*store)->declarations(), QueueKey({2}), value).ok());
  }
  EXPECT_EQ(Restart(live()).status().code(), absl::StatusCode::kDataLoss);
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
  const auto store = Store::Open(live(), Store::IfMissing::kFail, nullptr);
  ASSERT_TRUE(store.ok()) << store.status();
  std::string value;
  ASSERT_TRUE((*store)->db().Get({}, (*store)->messages(), MessageKey({1}), &value).ok());
  EXPECT_LT(value.size(), 100u);
}

RocksDbOptions Impatient(const std::string& path, rocksdb::Env* env) {
  return {.path = path,
          .retry_first = std::chrono::milliseconds(1),
          .retry_most = std::chrono::milliseconds(1),
          .env = env};
}

TEST_F(RocksDbStore, FullDiskIsSatOutAndNothingIsLostOrDoubled) {
  Random random(seed_);
  FailingFileSystem disk;
  Observer observer([&disk](int) { disk.Mend(); });
  {
    auto journal = RocksDbJournal::Open(Impatient(live(), disk.env()), &observer);
    ASSERT_TRUE(journal.ok()) << journal.status();
    for (uint64_t i = 1; i <= 60; ++i) {
      Batch batch = history_.Next();
      batch.lsn = {i};
      // Some writes fail half-way, and leave a torn record in the log.
      if (random() % 3 == 0) disk.FailAfterBytes(random() % 400);
      const absl::Status status = (*journal)->Append(batch);
      ASSERT_TRUE(status.ok()) << status;
      disk.Mend();
      state_.Apply(batch);
      if (i % 10 == 0) {
        Copy(live(), crashed());
        const auto recovered = Restart(crashed());
        ASSERT_TRUE(recovered.ok()) << recovered.status();
        ASSERT_TRUE(SameState(*recovered, Emitted(state_))) << "after batch " << i;
      }
    }
  }
  EXPECT_GT(observer.stalls, 0);
  EXPECT_GT(observer.resumes, 0);
  EXPECT_THAT(observer.last_reason, AllOf(HasSubstr("No space left"), HasSubstr(live())));
  const auto recovered = Restart(live());
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_TRUE(SameState(*recovered, Emitted(state_)));
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
  }
  uint64_t bytes = 0;
  for (const fs::path& file : FilesOf(live())) {
    std::error_code gone;
    const uint64_t size = fs::file_size(file, gone);
    if (!gone) bytes += size;
  }
  EXPECT_LT(bytes, kMostBytes);
}

TEST_F(RocksDbStore, LongTroubleIsToldOnceAndEndsWhenItIsOver) {
  FailingFileSystem disk;
  Observer observer([&disk](int stalls) {
    if (stalls == 1) disk.MendAfterFailures(5);
  });
  auto journal = RocksDbJournal::Open(Impatient(live(), disk.env()), &observer);
  ASSERT_TRUE(journal.ok()) << journal.status();
  disk.FailAfterBytes(0);
  EXPECT_TRUE((*journal)->Append({.lsn = {1}, .records = {IdsReserved{7}}}).ok());
  EXPECT_EQ(observer.resumes, 1);
  EXPECT_TRUE((*journal)->Append({.lsn = {2}, .records = {VirtualHostDeclared{"/"}}}).ok());
  journal->reset();
  const auto recovered = Restart(live());
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_TRUE(SameState(*recovered, {IdsReserved{7}, VirtualHostDeclared{"/"}}));
}

TEST_F(RocksDbStore, StopEndsTheWaitForAFullDisk) {
  FailingFileSystem disk;
  std::stop_source stop;
  Observer observer([&stop](int) { stop.request_stop(); });
  // Were it not interruptible, this test would run for an hour.
  auto journal = RocksDbJournal::Open({.path = live(),
                                       .stop = stop.get_token(),
                                       .retry_first = std::chrono::hours(1),
                                       .retry_most = std::chrono::hours(1),
                                       .env = disk.env()},
                                      &observer);
  ASSERT_TRUE(journal.ok()) << journal.status();
  disk.FailAfterBytes(0);
  const absl::Status status = (*journal)->Append({.lsn = {1}, .records = {IdsReserved{7}}});
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(observer.resumes, 0);
  EXPECT_EQ((*journal)->Append({.lsn = {2}, .records = {IdsReserved{8}}}), status)
      << "a journal that failed writes no later batch";
}

}  // namespace
}  // namespace warren::storage
