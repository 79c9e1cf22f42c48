#include "server/core/deduplication.h"

#include <map>
#include <string>

#include "gtest/gtest.h"
#include "tests/contract/records.h"

namespace warren::core {
namespace {

// Goal: an id is known exactly as long as its window lasts, whenever old sightings are forgotten.
// Method: random sightings, time and forgetting, beside a map of ids to times.
TEST(MessageIdWindow, KnowsAnIdForAsLongAsItsWindow) {
  const uint64_t seed = storage::TestSeed();
  SCOPED_TRACE(storage::SeedTrace(seed));
  storage::Random random(seed);

  constexpr int64_t kWindowMs = 20;
  MessageIdWindow window(kWindowMs);
  std::map<std::string, int64_t> until;
  int64_t now_ms = 1'000;
  for (int step = 0; step < 20'000; ++step) {
    now_ms += static_cast<int64_t>(random() % 4);
    const std::string id = "a rather long message id, to leave its string, " +
                           std::to_string(random() % 12);
    const bool known = until.contains(id) && until[id] > now_ms;
    ASSERT_EQ(window.Contains(id, now_ms), known) << id << " at " << now_ms;
    int64_t until_ms = 0;
    ASSERT_EQ(window.Add(id, now_ms, &until_ms), !known) << id << " at " << now_ms;
    if (!known) {
      ASSERT_EQ(until_ms, now_ms + kWindowMs);
      until[id] = until_ms;
    }
    // Forgetting comes late, and not all at once.
    for (uint64_t n = random() % 4; n > 0 && window.oldest() != nullptr; --n) {
      if (window.oldest()->until_ms <= now_ms) window.ForgetOldest();
    }
  }
}

TEST(MessageIdWindow, NewerSightingCountsWhileTheOldOneWaitsToBeForgotten) {
  MessageIdWindow window(10);
  int64_t until_ms = 0;
  EXPECT_TRUE(window.Add("m", 100, &until_ms));
  EXPECT_TRUE(window.Add("m", 110, &until_ms));
  EXPECT_TRUE(window.Contains("m", 110));
  window.ForgetOldest();
  EXPECT_TRUE(window.Contains("m", 119));
  EXPECT_FALSE(window.Contains("m", 120));
  window.ForgetOldest();
  EXPECT_EQ(window.oldest(), nullptr);
}

TEST(MessageIdWindow, RestoredIdsKeepTheirTime) {
  MessageIdWindow window(10);
  window.Restore("m", 105);
  window.FinishRestore();
  EXPECT_TRUE(window.Contains("m", 104));
  EXPECT_FALSE(window.Contains("m", 105));
}

TEST(Producers, OldestIsTheOneUnusedForTheLongestTime) {
  Producers producers;
  EXPECT_EQ(producers.oldest(), nullptr);
  Producer& a = producers.Get("/", "a", 1);
  Producer& b = producers.Get("/", "b", 2);
  EXPECT_EQ(&producers.Get("/", "a", 3), &a);
  EXPECT_NE(&producers.Get("/other", "a", 4), &a);
  EXPECT_EQ(producers.oldest(), &a);
  producers.Touch(a, 5);
  EXPECT_EQ(producers.oldest(), &b);
  producers.Erase(b);
  EXPECT_EQ(producers.oldest()->virtual_host, "/other");
  EXPECT_EQ(producers.Get("/", "b", 6).last_sequence, 0U);
}

}  // namespace
}  // namespace warren::core
