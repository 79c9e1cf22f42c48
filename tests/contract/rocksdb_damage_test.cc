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
#include "storage/rocksdb/watermark.h"
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

 private:
  enum class Damage { kFlip, kTruncation, kRemoval };
  struct Case {
    fs::path file;
    Damage damage;
    size_t at;
  };

  std::vector<Case> Cases() const;
  void Do(const Case& c, Random& random) const;
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
