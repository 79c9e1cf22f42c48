#include "server/runtime/turnstile.h"

#include <gtest/gtest.h>

#include <string>

#include "server/runtime/task.h"

namespace warren::runtime {
namespace {

constexpr size_t kLarge = Turnstile::kSmallBytes + 1;
constexpr auto kLongAgo = std::chrono::steady_clock::time_point::min();
constexpr auto kNever = std::chrono::steady_clock::time_point::max();

Task AppendPastTurnstile(Turnstile& turnstile, std::string& trace, char name, size_t bytes,
                         int times = 1) {
  for (int i = 0; i < times; ++i) {
    co_await turnstile.Pass(bytes);
    trace += name;
  }
}

TEST(Turnstile, LetsLargeFramesPassInTheOrderOfTheirArrival) {
  Turnstile turnstile;
  std::string trace;
  for (const char name : {'a', 'b', 'c'}) {
    AppendPastTurnstile(turnstile, trace, name, kLarge).Detach();
  }
  EXPECT_EQ(trace, "");
  turnstile.Run(kNever);
  EXPECT_EQ(trace, "abc");
  EXPECT_TRUE(turnstile.empty());
}

TEST(Turnstile, LetsOnePassHoweverLittleTimeIsLeft) {
  Turnstile turnstile;
  std::string trace;
  for (const char name : {'a', 'b'}) AppendPastTurnstile(turnstile, trace, name, kLarge).Detach();
  turnstile.Run(kLongAgo);
  EXPECT_EQ(trace, "a");
  turnstile.Run(kLongAgo);
  EXPECT_EQ(trace, "ab");
}

TEST(Turnstile, LeavesWhoComesAgainForTheNextTurn) {
  Turnstile turnstile;
  std::string trace;
  for (const char name : {'a', 'b'}) {
    AppendPastTurnstile(turnstile, trace, name, kLarge, 2).Detach();
  }
  turnstile.Run(kNever);
  EXPECT_EQ(trace, "ab");
  turnstile.Run(kNever);
  EXPECT_EQ(trace, "abab");
}

TEST(Turnstile, LetsASmallFramePassAtOnceUnlessSomebodyWaits) {
  Turnstile turnstile;
  std::string trace;
  AppendPastTurnstile(turnstile, trace, 's', Turnstile::kSmallBytes).Detach();
  EXPECT_EQ(trace, "s");
  AppendPastTurnstile(turnstile, trace, 'L', kLarge).Detach();
  AppendPastTurnstile(turnstile, trace, 't', Turnstile::kSmallBytes).Detach();
  EXPECT_EQ(trace, "s");
  turnstile.Run(kNever);
  EXPECT_EQ(trace, "sLt");
}

}  // namespace
}  // namespace warren::runtime
