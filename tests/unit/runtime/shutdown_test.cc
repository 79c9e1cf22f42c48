#include "server/runtime/shutdown.h"

#include <gtest/gtest.h>

namespace warren::runtime {
namespace {

using Phase = Shutdown::Phase;

constexpr ShutdownOptions kOptions{.drain_timeout_ms = 1000, .flush_timeout_ms = 500};

TEST(Shutdown, ServesUntilItIsAsked) {
  Shutdown shutdown(kOptions);
  EXPECT_EQ(shutdown.Advance(0, {}), std::nullopt);
  EXPECT_EQ(shutdown.NextDeadline(), std::nullopt);
  EXPECT_TRUE(shutdown.stopping().ok());
}

TEST(Shutdown, GoesThroughAllPhasesAtOnceWhenNothingIsUnderway) {
  Shutdown shutdown(kOptions);
  shutdown.Request();
  const Shutdown::Facts idle{.journal_done = true, .listener_down = true};
  EXPECT_EQ(shutdown.Advance(0, idle), Phase::kDraining);
  EXPECT_EQ(shutdown.stopping().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(shutdown.ended().ok());
  EXPECT_EQ(shutdown.Advance(0, idle), Phase::kFlushing);
  EXPECT_EQ(shutdown.Advance(0, idle), Phase::kEnding);
  EXPECT_EQ(shutdown.ended().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(shutdown.Advance(0, idle), Phase::kOver);
  EXPECT_EQ(shutdown.Advance(0, idle), std::nullopt);
  EXPECT_TRUE(shutdown.failure().ok());
}

TEST(Shutdown, WaitsForConsumersToSettleButNotForEver) {
  Shutdown shutdown(kOptions);
  shutdown.Request();
  const Shutdown::Facts busy{.unsettled_messages = 3, .consumers = 1};
  EXPECT_EQ(shutdown.Advance(100, busy), Phase::kDraining);
  EXPECT_EQ(shutdown.Advance(100, busy), std::nullopt);
  EXPECT_EQ(shutdown.NextDeadline(), 1100);
  EXPECT_EQ(shutdown.Advance(1099, busy), std::nullopt);
  EXPECT_EQ(shutdown.Advance(1100, busy), Phase::kFlushing);
}

TEST(Shutdown, LeasesWithoutAConsumerAreNotWaitedFor) {
  Shutdown shutdown(kOptions);
  shutdown.Request();
  const Shutdown::Facts leased{.unsettled_messages = 3, .consumers = 0};
  shutdown.Advance(0, leased);
  EXPECT_EQ(shutdown.Advance(0, leased), Phase::kFlushing);
}

TEST(Shutdown, AStoreThatStallsTooLongEndsItWithAnError) {
  Shutdown shutdown(kOptions);
  shutdown.Request();
  shutdown.Advance(0, {});
  shutdown.Advance(0, {});
  EXPECT_EQ(shutdown.phase(), Phase::kFlushing);
  EXPECT_EQ(shutdown.Advance(499, {}), std::nullopt);
  EXPECT_EQ(shutdown.Advance(500, {}), Phase::kEnding);
  EXPECT_FALSE(shutdown.failure().ok());
}

TEST(Shutdown, AFailureSkipsEverythingButTheEnd) {
  Shutdown shutdown(kOptions);
  shutdown.Fail(absl::DataLossError("gone"));
  shutdown.Fail(absl::InternalError("later"));
  EXPECT_EQ(shutdown.Advance(0, {.unsettled_messages = 1, .consumers = 1}), Phase::kEnding);
  EXPECT_EQ(shutdown.failure().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(shutdown.Advance(0, {.listener_down = true, .handlers = 1}), std::nullopt);
  EXPECT_EQ(shutdown.Advance(0, {.listener_down = true, .handlers = 0}), Phase::kOver);
}

}  // namespace
}  // namespace warren::runtime
