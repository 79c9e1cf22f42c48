#include "server/auth/throttle.h"

#include <gtest/gtest.h>

namespace warren::auth {
namespace {

constexpr ThrottleOptions kOptions{.burst = 3, .per_second = 1, .max_machines = 10};

TEST(Throttle, AfterTheBurstOneASecondIsLookedAt) {
  Throttle throttle(kOptions);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(throttle.Admit("10.0.0.1", 0));
  EXPECT_FALSE(throttle.Admit("10.0.0.1", 0));
  EXPECT_FALSE(throttle.Admit("10.0.0.1", 900));
  EXPECT_TRUE(throttle.Admit("10.0.0.1", 1'000));
  EXPECT_FALSE(throttle.Admit("10.0.0.1", 1'001));
  EXPECT_TRUE(throttle.Admit("10.0.0.2", 1'001)) << "another machine waits for this one";
}

TEST(Throttle, GoodLoginsCostNothing) {
  Throttle throttle(kOptions);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(throttle.Admit("10.0.0.1", 0));
    throttle.Succeeded("10.0.0.1");
  }
  throttle.Succeeded("10.0.0.1");  // never more than the burst
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(throttle.Admit("10.0.0.1", 0));
  EXPECT_FALSE(throttle.Admit("10.0.0.1", 0));
}

TEST(Throttle, ANetworkOfIpv6IsOneMachine) {
  Throttle throttle(kOptions);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(throttle.Admit("2001:db8:0:1::" + std::to_string(i), 0));
  }
  EXPECT_FALSE(throttle.Admit("2001:db8:0:1::99", 0));
  EXPECT_TRUE(throttle.Admit("2001:db8:0:2::99", 0));
}

TEST(Throttle, TimeThatRunsBackwardsGivesNothing) {
  Throttle throttle(kOptions);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(throttle.Admit("a", 10'000));
  EXPECT_FALSE(throttle.Admit("a", 0));
  EXPECT_FALSE(throttle.Admit("a", 500));
}

TEST(Throttle, ManyMachinesAreForgottenButNotThoseThatFailed) {
  Throttle throttle(kOptions);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(throttle.Admit("guesser", 0));
  for (int i = 0; i < 1'000; ++i) {
    const std::string machine = "m" + std::to_string(i);
    EXPECT_TRUE(throttle.Admit(machine, 0));
    throttle.Succeeded(machine);
    EXPECT_FALSE(throttle.Admit("guesser", 0)) << i;
  }
}

}  // namespace
}  // namespace warren::auth
