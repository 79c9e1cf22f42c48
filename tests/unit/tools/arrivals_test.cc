#include "tools/bench/arrivals.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>

namespace warren::tools {
namespace {

// Goal: whatever comes, in whatever order, is new exactly once. Method: a set of the standard
// library beside it; numbers mostly ascend, as they do in a queue.
TEST(NumberSet, KnowsWhatItHasSeen) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  NumberSet set;
  std::set<uint64_t> seen;
  for (uint64_t i = 0; i < 20'000; ++i) {
    const uint64_t number = random() % 3 == 0 ? random() % (i + 200) : i;
    ASSERT_EQ(set.Insert(number), seen.insert(number).second) << number;
  }
}

TEST(Arrivals, SourcesHaveNumbersOfTheirOwn) {
  Arrivals arrivals;
  EXPECT_TRUE(arrivals.Add(1, 7));
  EXPECT_TRUE(arrivals.Add(2, 7));
  EXPECT_FALSE(arrivals.Add(1, 7));
}

}  // namespace
}  // namespace warren::tools
