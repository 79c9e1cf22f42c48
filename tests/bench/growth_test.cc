// Goal: what a message costs doesn't grow with what has nothing to do with it: bindings that don't
// match, other queues, consumers, a backlog, messages that wait for their time.
// Method: the same traffic through a small broker and a large one, in turns. Allocations are counted,
// and must be the same; time is that of the quickest of many frames, since what disturbs one only
// ever makes it slower. A scan would break the bounds a hundredfold, what caches don't hold doesn't.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ostream>
#include <string>

#include "tests/bench/traffic.h"
#include "tests/support/allocation_counts.h"

namespace warren::bench {
namespace {

using Clock = std::chrono::steady_clock;

// Of one frame, at best.
struct Cost {
  double ns = 1e18;
  int64_t allocations = INT64_MAX;
};

void PassFrame(Traffic& traffic, Cost& least) {
  Cost cost{.ns = 0, .allocations = 0};
  traffic.Frame([&cost](auto&& part) {
    const int64_t before = allocations;
    const Clock::time_point start = Clock::now();
    part();
    cost.ns += std::chrono::duration<double, std::nano>(Clock::now() - start).count();
    cost.allocations += allocations - before;
  });
  least.ns = std::min(least.ns, cost.ns);
  least.allocations = std::min(least.allocations, cost.allocations);
}

struct Growth {
  std::string name;
  TrafficOptions small;
  TrafficOptions large;
  double most_times_slower;

  friend void PrintTo(const Growth& growth, std::ostream* out) { *out << growth.name; }
};

class CoreGrowth : public ::testing::TestWithParam<Growth> {};

TEST_P(CoreGrowth, IsNoneForWhatAMessageHasNothingToDoWith) {
  const Growth& growth = GetParam();
  Traffic small(growth.small);
  Traffic large(growth.large);
  Cost of_small;
  Cost of_large;
  for (int i = 0; i < 300; ++i) {
    PassFrame(small, of_small);
    PassFrame(large, of_large);
  }
  EXPECT_EQ(large.usage().acked_total, 300u * Traffic::kFrame);
  // Hash tables that grow may take one or the other.
  EXPECT_LE(of_large.allocations, of_small.allocations + Traffic::kFrame / 10);
  EXPECT_LT(of_large.ns, growth.most_times_slower * of_small.ns);
  RecordProperty("times_slower", std::to_string(of_large.ns / of_small.ns));
}

INSTANTIATE_TEST_SUITE_P(
    Of, CoreGrowth,
    ::testing::Values(
        Growth{"Bindings", {.bindings = 1'000}, {.bindings = 100'000}, 3},
        Growth{"Queues", {.queues = 100, .settle_each = true},
               {.queues = 10'000, .settle_each = true}, 8},
        Growth{"Consumers", {.consumers = 100, .settle_each = true},
               {.consumers = 10'000, .settle_each = true}, 8},
        Growth{"Backlog", {.backlog = 1'000}, {.backlog = 200'000}, 5},
        Growth{"StoredBacklog", {.backlog = 1'000, .journal = Journal::kAtOnce},
               {.backlog = 100'000, .journal = Journal::kAtOnce}, 5},
        Growth{"DelayedMessages", {.delayed = 1'000}, {.delayed = 200'000}, 5}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace warren::bench
