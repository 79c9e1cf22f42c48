#include "clients/cpp/src/settle_buffer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace warren::client {
namespace {

using ::testing::ElementsAre;

constexpr auto kAck = v1::SETTLE_OUTCOME_ACK;
constexpr auto kReject = v1::SETTLE_OUTCOME_REJECT;

TEST(SettleBuffer, MergesARunOfLikeSettlements) {
  SettleBuffer buffer;
  EXPECT_TRUE(buffer.empty());
  buffer.Add(1, kAck);
  buffer.Add(2, kAck);
  buffer.AddUpTo(7, kAck);
  buffer.AddUpTo(5, kAck);
  const v1::Settle settle = buffer.Take();
  ASSERT_EQ(settle.settlements_size(), 1);
  EXPECT_THAT(settle.settlements(0).delivery_tags(), ElementsAre(1, 2));
  EXPECT_EQ(settle.settlements(0).up_to_delivery_tag(), 7u);
  EXPECT_TRUE(buffer.empty());
}

TEST(SettleBuffer, KeepsTheOrderOfUnlikeOnes) {
  SettleBuffer buffer;
  buffer.Add(1, kAck);
  buffer.Add(2, kReject);
  buffer.Add(3, kAck);
  const v1::Settle settle = buffer.Take();
  ASSERT_EQ(settle.settlements_size(), 3);
  EXPECT_EQ(settle.settlements(1).outcome(), kReject);
  EXPECT_THAT(settle.settlements(2).delivery_tags(), ElementsAre(3));
}

TEST(SettleBuffer, NothingJoinsASettlementWithItsOwnDelay) {
  SettleBuffer buffer;
  v1::Settlement retry;
  retry.add_delivery_tags(1);
  retry.set_outcome(v1::SETTLE_OUTCOME_RETRY);
  retry.mutable_retry_delay()->set_seconds(5);
  buffer.Add(retry);
  buffer.Add(2, v1::SETTLE_OUTCOME_RETRY);
  EXPECT_EQ(buffer.Take().settlements_size(), 2);
}

}  // namespace
}  // namespace warren::client
