#include "server/core/timers.h"

#include <map>
#include <vector>

#include "gtest/gtest.h"
#include "tests/contract/records.h"

namespace warren::core {
namespace {

TEST(Timers, EarlierTimeWinsAndLaterOnesAreIgnored) {
  Timers timers;
  TimerState state;
  EXPECT_EQ(timers.Next(), std::nullopt);
  timers.GoOffBy(state, TimerKind::kQueue, 1, 100);
  timers.GoOffBy(state, TimerKind::kQueue, 1, 200);
  EXPECT_EQ(timers.Next(), 100);
  timers.GoOffBy(state, TimerKind::kQueue, 1, 50);
  EXPECT_EQ(timers.Next(), 50);
  EXPECT_FALSE(timers.Due(49).has_value());
  ASSERT_TRUE(timers.Due(50).has_value());
  EXPECT_EQ(timers.Due(50)->id, 1U);
  timers.Stop(state, TimerKind::kQueue, 1);
  EXPECT_EQ(timers.Next(), std::nullopt);
  timers.Stop(state, TimerKind::kQueue, 1);  // no-op
}

TEST(Timers, EqualTimesGoByKindAndId) {
  Timers timers;
  TimerState states[3];
  timers.GoOffBy(states[0], TimerKind::kLease, 1, 10);
  timers.GoOffBy(states[1], TimerKind::kQueue, 2, 10);
  timers.GoOffBy(states[2], TimerKind::kQueue, 1, 10);
  std::vector<std::pair<TimerKind, uint64_t>> order;
  while (const auto fired = timers.Due(10)) {
    order.emplace_back(fired->kind, fired->id);
    const size_t index = fired->kind == TimerKind::kLease ? 0 : fired->id == 2 ? 1 : 2;
    timers.Stop(states[index], fired->kind, fired->id);
  }
  EXPECT_EQ(order, (std::vector<std::pair<TimerKind, uint64_t>>{
                       {TimerKind::kQueue, 1}, {TimerKind::kQueue, 2}, {TimerKind::kLease, 1}}));
}

// Goal: no timer goes off late. Method: random settings beside a map of the earliest times asked.
TEST(Timers, NoneGoesOffLate) {
  const uint64_t seed = storage::TestSeed();
  SCOPED_TRACE(storage::SeedTrace(seed));
  storage::Random random(seed);

  Timers timers;
  std::map<uint64_t, TimerState> states;
  std::map<uint64_t, int64_t> asked;
  int64_t now_ms = 0;
  for (int step = 0; step < 20'000; ++step) {
    const uint64_t id = random() % 20;
    const int64_t at_ms = now_ms + static_cast<int64_t>(random() % 30);
    timers.GoOffBy(states[id], TimerKind::kQueue, id, at_ms);
    asked[id] = asked.contains(id) ? std::min(asked[id], at_ms) : at_ms;
    now_ms += static_cast<int64_t>(random() % 3);
    while (const auto fired = timers.Due(now_ms)) {
      ASSERT_TRUE(asked.contains(fired->id));
      timers.Stop(states[fired->id], fired->kind, fired->id);
      asked.erase(fired->id);
    }
    for (const auto& [late, when] : asked) ASSERT_GT(when, now_ms) << "timer " << late;
  }
}

}  // namespace
}  // namespace warren::core
