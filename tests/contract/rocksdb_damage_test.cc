// Damage to the files of a RocksDB store: bytes that change, files that end early or are gone. The
// store comes back whole, or says that it is damaged; it never comes back as something else.
//
// Part of the fault matrix in docs/testing.md: a sample in `make test`, all of it in
// `make fault-matrix`.
#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "storage/rocksdb/store.h"
#include "tests/contract/fault_matrix.h"
#include "tests/contract/rocksdb_fixture.h"
#include "tests/support/faulty_disk.h"

namespace warren::storage {
namespace {

using ::testing::HasSubstr;

// Files up to that size are damaged at every byte, others at this many places in all.
constexpr size_t kSmallBytes = 2'000;
constexpr size_t kPlacesInLarge = 1'500;

class RocksDbDamage : public RocksDbFixture {
 protected:
  RocksDbDamage() : RocksDbFixture(TemporaryDirectory::Where::kMemory) {}

  fs::path pristine() const { return directory_.path() + "/pristine"; }

  // Damages copies of the pristine store one after the other.
  void DamageEverything(const std::string& which, uint64_t sample_size);

  enum class Damage { kFlip, kTruncation, kRemoval };
  struct Case {
    fs::path file;
    Damage damage;
    size_t at;
  };
  void Do(const Case& c, Random& random) const;

 private:
  std::vector<Case> Cases() const;
};

std::vector<RocksDbDamage::Case> RocksDbDamage::Cases() const {
  std::vector<Case> cases;
  for (const fs::path& file : FilesOf(pristine())) {
    const size_t size = fs::file_size(file);
    const size_t stride = size <= kSmallBytes ? 1 : size / kPlacesInLarge + 1;
    for (size_t at = 0; at < size; at += stride) {
      cases.push_back({file.filename(), Damage::kFlip, at});
      cases.push_back({file.filename(), Damage::kTruncation, at});
    }
    cases.push_back({file.filename(), Damage::kRemoval, 0});
  }
  return cases;
}

void RocksDbDamage::Do(const Case& c, Random& random) const {
  const fs::path file = fs::path(crashed()) / c.file;
  if (c.damage == Damage::kRemoval) {
    fs::remove(file);
  } else if (c.damage == Damage::kTruncation) {
    fs::resize_file(file, c.at);
  } else {
    std::string content = ReadFile(file);
    content[c.at] ^= static_cast<char>(1 + random() % 255);
    WriteFile(file, content);
  }
}

void RocksDbDamage::DamageEverything(const std::string& which, uint64_t sample_size) {
  static constexpr const char* kNames[] = {"flipped byte", "truncation", "removal"};
  const testing::FaultyDisk disk(crashed(), ZoneOf);  // saves the syncs
  const std::vector<Case> cases = Cases();
  std::map<std::string, uint64_t> of_zone;
  for (const Case& c : cases) ++of_zone[ZoneOf(c.file.string())];
  SampleOfEach sample(seed_, sample_size, of_zone);
  Random random(seed_);
  std::map<std::string, std::pair<int, int>> by_zone;  // named, harmless
  uint64_t tried = 0;
  for (const Case& c : cases) {
    if (!sample.Takes(ZoneOf(c.file.string()))) continue;
    ++tried;
    const char* const name = kNames[static_cast<int>(c.damage)];
    const std::string what = absl::StrCat(name, " at ", c.at, " of ", c.file.string());
    Copy(pristine(), crashed());
    Do(c, random);
    const auto recovered = Restart(crashed());
    auto& [named, harmless] = by_zone[absl::StrCat(ZoneOf(c.file.string()), ", ", name)];
    if (recovered.ok()) {
      ++harmless;
      ASSERT_TRUE(SameState(*recovered, states_.back())) << what;
      continue;
    }
    ++named;
    const absl::Status& status = recovered.status();
    EXPECT_THAT(std::string(status.message()), HasSubstr(crashed())) << what;
    EXPECT_TRUE(absl::IsDataLoss(status) || absl::IsFailedPrecondition(status))
        << status << " by " << what;
  }
  for (const auto& [zone, counts] : by_zone) {
    std::cout << "  " << zone << ": " << counts.first << " named, " << counts.second
              << " harmless\n";
  }
  ReportMatrix("RocksDB, damage to a " + which + " store", tried, cases.size(),
               "named or harmless");
}

// A store of which each level below the first has several tables, of both column families. What
// was in them is settled or deleted, but for the last one: so an iterator that ends early is seen.
void MakeTablesBelowTheFirstLevel(const std::string& path) {
  for (uint64_t table = 0; table < 4; ++table) {
    {
      const auto journal = OpenOrFail(path);
      const uint64_t first = 1'000 * table + 1;
      Batch batch{.lsn = {1}};
      for (uint64_t id = first; id < first + 50; ++id) {
        batch.records.push_back(QueueDeclared{{id}, "/", "q", {}});
        batch.records.push_back(
            MessagePublished{{id}, MessageWithBody("m"), {{.queue = {first}}}});
      }
      ASSERT_TRUE(journal->Append(batch).ok());
      batch = {.lsn = {2}};
      for (uint64_t id = first; table < 3 && id < first + 50; ++id) {
        batch.records.push_back(QueueDeleted{{id}});
        batch.records.push_back(EntryRemoved{{id}, {first}, true});
      }
      ASSERT_TRUE(journal->Append(batch).ok());
    }
    const auto store =
        Store::Open(path, Store::IfMissing::kFail, RocksDbOptions().memtable_bytes);
    ASSERT_TRUE(store.ok()) << store.status();
    rocksdb::DB& db = (*store)->db();
    for (rocksdb::ColumnFamilyHandle* family :
         {(*store)->declarations(), (*store)->messages(), (*store)->shelves()}) {
      ASSERT_TRUE(db.Flush({}, family).ok());
      std::vector<std::string> top;
      rocksdb::ColumnFamilyMetaData content;
      db.GetColumnFamilyMetaData(family, &content);
      for (const auto& file : content.levels[0].files) top.push_back(file.name);
      if (!top.empty()) {
        ASSERT_TRUE(db.CompactFiles({}, family, top, 1).ok());
      }
    }
  }
}

TEST_F(RocksDbDamage, ALaterTableOfALevelIsNamed) {
  const testing::FaultyDisk disk(crashed(), ZoneOf);  // saves the syncs
  MakeTablesBelowTheFirstLevel(live());
  Copy(live(), pristine());
  const auto sound = Restart(live());
  ASSERT_TRUE(sound.ok()) << sound.status();
  ASSERT_FALSE(sound->empty());
  int tables = 0;
  for (const fs::path& file : FilesOf(pristine())) {
    if (file.extension() != ".sst") continue;
    ++tables;
    for (const size_t at : {10, 100, 300}) {
      Copy(pristine(), crashed());
      Random random(seed_);
      Do({file.filename(), Damage::kFlip, at}, random);
      const auto recovered = Restart(crashed());
      if (recovered.ok()) {
        EXPECT_TRUE(SameState(*recovered, *sound)) << "byte " << at << " of " << file;
      }
    }
  }
  EXPECT_GE(tables, 4);
}

// The same for an error of the disk, that isn't there any more when all is read again.
TEST_F(RocksDbDamage, AReadThatFailsDuringRecoveryIsTold) {
  MakeTablesBelowTheFirstLevel(live());
  testing::FaultyDisk disk(live(), ZoneOf);
  const auto sound = Restart(live());
  ASSERT_TRUE(sound.ok()) << sound.status();
  const uint64_t reads = disk.counts()[{"table", testing::DiskCall::kRead}];
  ASSERT_GT(reads, 10u);
  uint64_t told = 0;
  for (uint64_t n = 1; n <= reads; ++n) {
    const uint64_t before = disk.counts()[{"table", testing::DiskCall::kRead}];
    disk.Arm({"table", testing::DiskCall::kRead, before + n}, testing::DiskFault::kErrorOnce, 1);
    const auto recovered = Restart(live());
    disk.Mend();
    if (recovered.ok()) {
      EXPECT_TRUE(SameState(*recovered, *sound)) << "read " << n;
    } else {
      ++told;
      EXPECT_EQ(recovered.status().code(), absl::StatusCode::kUnavailable) << recovered.status();
    }
  }
  EXPECT_GT(told, reads / 2);
}

TEST_F(RocksDbDamage, AStoreThatCrashedIsWholeOrNamesIt) {
  MakeCrashedStore();
  Copy(crashed(), pristine());
  DamageEverything("crashed", 250);
}

TEST_F(RocksDbDamage, AStoreThatWasClosedIsWholeOrNamesIt) {
  for (int start = 0; start < 3; ++start) {
    AppendHistory(*OpenOrFail(live()), 10);
  }
  Copy(live(), pristine());
  DamageEverything("closed", 250);
}

}  // namespace
}  // namespace warren::storage
