// The RocksDB journal on a disk that fails: at every call in turn that the store's life makes to
// each of its files, with each fault; and power cuts after every one of them.
//
// The loops are those of the fault matrix in docs/testing.md: a sample in `make test`, all of them
// in `make fault-matrix`.
#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "tests/contract/fault_matrix.h"
#include "tests/contract/journal_life.h"
#include "tests/contract/observer.h"
#include "tests/contract/rocksdb_fixture.h"
#include "tests/support/faulty_disk.h"

namespace warren::storage {
namespace {

using testing::DiskCall;
using testing::DiskFault;
using testing::DiskHistory;
using testing::DiskPlace;
using testing::DiskReplay;
using testing::FaultyDisk;
using ::testing::AllOf;
using ::testing::HasSubstr;

// RocksDB's least; a few batches fill one, so that flushes, compactions and new manifests happen.
constexpr size_t kMemtableBytes = size_t{64} << 10;

class RocksDbFaults : public RocksDbFixture {
 protected:
  RocksDbFaults() : RocksDbFixture(TemporaryDirectory::Where::kMemory) {}

  LifeOptions OptionsOn(FaultyDisk& disk) const {
    return {.open = [path = live()]() -> absl::StatusOr<std::unique_ptr<Journal>> {
              RocksDbOptions options = Impatient(path);
              options.memtable_bytes = kMemtableBytes;
              options.sweep_after_bytes = 1;  // so that sweeping fails, too
              return RocksDbJournal::Open(std::move(options), nullptr);
            },
            .mend = [&disk] { disk.Mend(); },
            .where = live(),
            .acknowledged = [&disk](size_t batches) { disk.Mark(batches); }};
  }

  // What the whole life calls when nothing fails.
  FaultyDisk::Counts CountCalls() {
    FaultyDisk disk(live(), ZoneOf);
    EXPECT_TRUE(JournalLife(script_, OptionsOn(disk)).Run());
    fs::remove_all(live());
    return disk.counts();
  }

  const Script script_{seed_, 30, 15'000};
};

std::string Text(const std::map<std::string, int>& outcomes) {
  std::string text;
  for (const auto& [what, times] : outcomes) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", times, " ", what);
  }
  return text;
}

// Of these calls only one kind each is worth a short write or a lack of space.
bool Fits(DiskFault fault, DiskCall call) {
  if (fault == DiskFault::kShortWrite) return call == DiskCall::kWrite;
  if (fault == DiskFault::kNoSpace) {
    return call == DiskCall::kWrite || call == DiskCall::kMake || call == DiskCall::kRename;
  }
  return true;
}

// Goal: no fault at any call loses what was acknowledged, or leaves a store that is of no use.
TEST_F(RocksDbFaults, AnyCallMayFail) {
  constexpr uint64_t kSample = 120;
  constexpr uint64_t kFailures = 4;
  constexpr DiskFault kFaults[] = {DiskFault::kErrorOnce, DiskFault::kErrorLasting,
                                   DiskFault::kShortWrite, DiskFault::kNoSpace};
  struct Case {
    DiskPlace place;
    DiskFault fault;
  };
  std::vector<Case> cases;
  const FaultyDisk::Counts counts = CountCalls();
  for (const auto& [place, calls] : counts) {
    for (const DiskFault fault : kFaults) {
      if (!Fits(fault, place.second)) continue;
      // What other threads call isn't the same each time; those beyond may be met, too.
      for (uint64_t n = 1; n <= calls + 1; ++n) {
        cases.push_back({{place.first, place.second, n}, fault});
      }
    }
  }
  std::map<std::string, uint64_t> of_zone;
  for (const Case& c : cases) ++of_zone[c.place.zone];
  SampleOfEach sample(seed_, kSample, of_zone);
  std::map<std::string, std::map<std::string, int>> by_zone;
  uint64_t tried = 0;
  uint64_t met = 0;
  for (const auto& [place, fault] : cases) {
    if (!sample.Takes(place.zone)) continue;
    ++tried;
    FaultyDisk disk(live(), ZoneOf);
    disk.Arm(place, fault, fault == DiskFault::kErrorOnce ? 1 : kFailures);
    JournalLife life(script_, OptionsOn(disk));
    const std::string what = absl::StrCat(NameOf(fault), " at ", NameOf(place.call), " ",
                                          place.nth, " of ", place.zone);
    const TriedNow tried_now(what + "; " + SeedTrace(seed_));
    ASSERT_TRUE(life.Run()) << what;
    EXPECT_EQ(life.append_endings(), 0) << what << ": a broker that runs must sit it out";
    std::map<std::string, int>& outcomes = by_zone[absl::StrCat(place.zone, ", ", NameOf(fault))];
    if (disk.failed() > 0) {
      ++met;
      for (const auto& [ending, times] : life.endings()) {
        outcomes[ending] += times;
        EXPECT_EQ(ending, "UNAVAILABLE") << what << ": it passes: " << life.last_ending();
      }
      if (life.endings().empty()) ++outcomes["sat out"];
    } else {
      ++outcomes["not met"];
    }
    fs::remove_all(live());
  }
  for (const auto& [zone, outcomes] : by_zone) {
    std::cout << "  " << zone << ": " << Text(outcomes) << "\n";
  }
  ReportMatrix("RocksDB, calls that fail", tried, cases.size(), absl::StrCat(met, " met"));
  EXPECT_GT(met, tried / 2);
}

// Goal: a power cut after any step leaves all that was acknowledged.
TEST_F(RocksDbFaults, APowerCutAfterAnyStepLosesNothing) {
  constexpr uint64_t kSample = 200;
  DiskHistory history;
  {
    FaultyDisk disk(live(), ZoneOf);
    disk.Record();
    ASSERT_TRUE(JournalLife(script_, OptionsOn(disk)).Run());
    history = disk.history();
  }
  constexpr std::pair<DiskHistory::Keep, const char*> kKept[] = {
      {DiskHistory::Keep::kSynced, "only what was synced"},
      {DiskHistory::Keep::kAll, "all"},
      {DiskHistory::Keep::kTornTail, "a torn part of what was not synced"}};
  const uint64_t all = history.steps().size() * std::size(kKept);
  Sample sample(seed_, SampleSize(kSample, all), all);
  Random random(seed_);
  FaultyDisk disk(crashed(), ZoneOf);  // saves the syncs
  DiskReplay replay(history);
  size_t acknowledged = 0;
  uint64_t tried = 0;
  for (size_t step = 0; !replay.AtEnd(); ++step) {
    if (replay.next().kind == DiskHistory::Kind::kMark) acknowledged = replay.next().node;
    replay.Advance();
    for (const auto& [keep, name] : kKept) {
      if (!sample.Takes()) continue;
      ++tried;
      fs::remove_all(crashed());
      fs::create_directories(crashed());
      for (const auto& [file, content] : replay.After(keep, random)) {
        WriteFile(fs::path(crashed()) / file, content);
      }
      const auto recovered = Restart(crashed());
      size_t batches = 0;
      ASSERT_TRUE(recovered.ok()) << recovered.status() << " after step " << step << ", kept is "
                                  << name;
      ASSERT_TRUE(JournalLife::HoldsAcknowledged(script_, acknowledged, *recovered, batches))
          << "after step " << step << ", kept is " << name;
    }
  }
  ReportMatrix("RocksDB, power cuts", tried, all, "all recovered");
}

TEST_F(RocksDbFaults, FullDiskIsSatOutAndNothingIsLostOrDoubled) {
  Random random(seed_);
  FaultyDisk disk(live(), ZoneOf);
  Observer observer([&disk](int) { disk.Mend(); });
  {
    auto journal = RocksDbJournal::Open(Impatient(live()), &observer);
    ASSERT_TRUE(journal.ok()) << journal.status();
    for (uint64_t i = 1; i <= 60; ++i) {
      Batch batch = history_.Next();
      batch.lsn = {i};
      // Some writes fail half-way, and leave a torn record in the log.
      if (random() % 3 == 0) disk.FillUpAfter(random() % 400);
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

TEST_F(RocksDbFaults, LongTroubleIsToldOnceAndEndsWhenItIsOver) {
  FaultyDisk disk(live(), ZoneOf);
  Observer observer([&disk](int stalls) {
    if (stalls == 1) disk.MendAfterFailures(5);
  });
  auto journal = RocksDbJournal::Open(Impatient(live()), &observer);
  ASSERT_TRUE(journal.ok()) << journal.status();
  disk.FillUpAfter(0);
  EXPECT_TRUE((*journal)->Append({.lsn = {1}, .records = {IdsReserved{7}}}).ok());
  EXPECT_EQ(observer.resumes, 1);
  EXPECT_TRUE((*journal)->Append({.lsn = {2}, .records = {VirtualHostDeclared{"/"}}}).ok());
  journal->reset();
  const auto recovered = Restart(live());
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_TRUE(SameState(*recovered, {IdsReserved{7}, VirtualHostDeclared{"/"}}));
}

TEST_F(RocksDbFaults, StopEndsTheWaitForAFullDisk) {
  FaultyDisk disk(live(), ZoneOf);
  std::stop_source stop;
  Observer observer([&stop](int) { stop.request_stop(); });
  // Were it not interruptible, this test would run for an hour.
  auto journal = RocksDbJournal::Open({.path = live(),
                                       .stop = stop.get_token(),
                                       .retry_first = std::chrono::hours(1),
                                       .retry_most = std::chrono::hours(1)},
                                      &observer);
  ASSERT_TRUE(journal.ok()) << journal.status();
  disk.FillUpAfter(0);
  const absl::Status status = (*journal)->Append({.lsn = {1}, .records = {IdsReserved{7}}});
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(observer.resumes, 0);
  EXPECT_EQ((*journal)->Append({.lsn = {2}, .records = {IdsReserved{8}}}), status)
      << "a journal that failed writes no later batch";
}

}  // namespace
}  // namespace warren::storage
