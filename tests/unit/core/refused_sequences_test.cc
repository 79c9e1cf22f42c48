#include "server/core/refused_sequences.h"

#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/contract/records.h"

namespace warren::core {
namespace {

using Runs = std::vector<storage::SequenceRun>;

constexpr uint64_t kKept = RefusedSequences::kSequencesKept;
constexpr size_t kRuns = RefusedSequences::kRunsKept;

// That every other one of that many, from 1 on, was refused.
RefusedSequences EveryOther(size_t runs) {
  RefusedSequences refused;
  for (uint64_t sequence = 1; sequence < 2 * runs; sequence += 2) refused.Add(sequence);
  return refused;
}

TEST(RefusedSequences, MillionInARowIsOneRun) {
  RefusedSequences refused;
  for (uint64_t sequence = 5; sequence < 1'000'005; ++sequence) {
    refused.Pass(sequence);
    refused.Add(sequence);
  }
  EXPECT_EQ(refused.Runs(), (Runs{{5, 1'000'004}}));
}

// Goal: it holds exactly what was refused and not taken since, in as few runs as that takes.
// Method: refusals and takings within a small range, in any order, beside a set.
TEST(RefusedSequences, HoldWhatWasRefusedAndNotTakenSince) {
  const uint64_t seed = storage::TestSeed();
  SCOPED_TRACE(storage::SeedTrace(seed));
  storage::Random random(seed);
  constexpr uint64_t kRange = 40;
  for (const uint64_t base : {uint64_t{0}, UINT64_MAX - (kRange - 1)}) {
    RefusedSequences refused;
    std::set<uint64_t> expected;
    for (int step = 0; step < 5'000; ++step) {
      const uint64_t sequence = base + random() % kRange;
      if (random() % 2 == 0) {
        ASSERT_EQ(refused.Add(sequence), expected.insert(sequence).second) << sequence;
      } else {
        refused.Pass(sequence);
        expected.erase(sequence);
      }
      Runs runs;
      for (uint64_t i = 0; i < kRange; ++i) {
        ASSERT_EQ(refused.Contains(base + i), expected.contains(base + i)) << base + i;
        if (!expected.contains(base + i)) continue;
        if (i > 0 && expected.contains(base + i - 1)) {
          runs.back().last = base + i;
        } else {
          runs.push_back({base + i, base + i});
        }
      }
      ASSERT_EQ(refused.Runs(), runs);
      if (step % 100 == 0) refused = RefusedSequences(refused.Runs());
    }
  }
}

// All that a client may have sent ahead, however a full queue treated it.
TEST(RefusedSequences, EachOfTheLastTwentyThousandIsKnown) {
  const RefusedSequences refused = EveryOther(kKept);
  const uint64_t newest = 2 * kKept - 1;
  for (uint64_t sequence = newest - kKept + 1; sequence <= newest; ++sequence) {
    ASSERT_EQ(refused.Contains(sequence), sequence % 2 == 1) << sequence;
  }
  EXPECT_FALSE(refused.Contains(newest - kKept));
  EXPECT_EQ(refused.Runs().size(), kKept / 2);
}

TEST(RefusedSequences, NewestRunsAreKnownHoweverFarApartTheyAre) {
  constexpr uint64_t kLeap = 1'000'000'000;
  RefusedSequences refused;
  for (uint64_t i = 1; i <= kRuns + 1; ++i) refused.Add(i * kLeap);
  EXPECT_FALSE(refused.Contains(kLeap));
  EXPECT_TRUE(refused.Contains(2 * kLeap));
  EXPECT_EQ(refused.Runs().size(), kRuns);
}

// Else it would be written with every batch for ever.
TEST(RefusedSequences, OldOnesAreForgottenWhileNothingIsRefused) {
  RefusedSequences refused = EveryOther(kKept / 2);
  EXPECT_EQ(refused.Runs().size(), kKept / 2);
  refused.Pass(4 * kKept);
  EXPECT_EQ(refused.Runs().size(), kRuns);
  EXPECT_TRUE(refused.Contains(kKept - 1)) << "the newest stay";
}

// One that was refused ahead of its turn, by the edge, moves nothing back.
TEST(RefusedSequences, OneFromFarAheadLeavesTheNewestRuns) {
  RefusedSequences refused = EveryOther(kRuns);
  refused.Add(UINT64_MAX);
  EXPECT_FALSE(refused.Contains(1));
  EXPECT_TRUE(refused.Contains(3));
  refused.Pass(2 * kRuns);
  EXPECT_TRUE(refused.Contains(3));
  EXPECT_TRUE(refused.Contains(UINT64_MAX));
}

}  // namespace
}  // namespace warren::core
