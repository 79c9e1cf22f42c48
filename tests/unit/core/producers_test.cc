// Producers through the whole broker: those that publish nothing any more are forgotten.
#include <optional>
#include <string>

#include "gtest/gtest.h"
#include "server/core/broker.h"

namespace warren::core {
namespace {

// A step does so many things of time, and no more; the last producer may go with the last of them.
TEST(Producers, ThatExpireTogetherAreForgottenHoweverManyTheyAre) {
  for (const uint64_t producers : {1, 998, 999, 1'000, 1'001, 2'500}) {
    Broker broker({.producer_expiry_ms = 1'000});
    broker.FinishRecovery(0);
    Effects effects;
    for (uint64_t i = 1; i <= producers; ++i) {
      broker.Step(10, OpenPublisher{{i}, "/", std::to_string(i), false}, effects);
      broker.Step(10, ClosePublisher{{i}}, effects);
    }
    for (int ticks = 0; broker.NextDeadline() && ticks < 10; ++ticks) {
      broker.Step(5'000, Tick{}, effects);
    }
    EXPECT_EQ(broker.NextDeadline(), std::nullopt) << producers << " producers";
  }
}

}  // namespace
}  // namespace warren::core
