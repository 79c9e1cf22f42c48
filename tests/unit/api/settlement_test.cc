#include "server/api/convert/settlement.h"

#include <gtest/gtest.h>

#include "server/base/error.h"

namespace warren::api {
namespace {

v1::Settlement Ack(uint64_t tag) {
  v1::Settlement proto;
  proto.add_delivery_tags(tag);
  proto.set_outcome(v1::SETTLE_OUTCOME_ACK);
  return proto;
}

TEST(Settlement, CarriesTagsOutcomeAndDelay) {
  v1::Settlement proto = Ack(1);
  proto.add_delivery_tags(2);
  proto.set_up_to_delivery_tag(5);
  proto.set_outcome(v1::SETTLE_OUTCOME_RETRY);
  proto.mutable_retry_delay()->set_seconds(3);
  const auto settlement = ToSettlement(proto);
  ASSERT_TRUE(settlement.ok()) << settlement.status();
  EXPECT_EQ(settlement->tags, (std::vector<core::DeliveryTag>{{1}, {2}}));
  EXPECT_EQ(settlement->up_to, core::DeliveryTag{5});
  EXPECT_EQ(settlement->outcome, core::SettleOutcome::kRetry);
  EXPECT_EQ(settlement->retry_delay_ms, 3000);
}

TEST(Settlement, WhatMakesNoSenseIsRefused) {
  v1::Settlement no_outcome = Ack(1);
  no_outcome.clear_outcome();
  v1::Settlement unknown = Ack(1);
  unknown.set_outcome(static_cast<v1::SettleOutcome>(77));
  v1::Settlement nothing = Ack(1);
  nothing.clear_delivery_tags();
  v1::Settlement delayed_ack = Ack(1);
  delayed_ack.mutable_retry_delay();
  for (const v1::Settlement& bad : {no_outcome, unknown, nothing, delayed_ack}) {
    const auto settlement = ToSettlement(bad);
    EXPECT_EQ(ErrorInfoOf(settlement.status()).reason, "SETTLEMENT_INVALID")
        << bad.ShortDebugString();
  }
}

TEST(Settlement, AFrameSettlesNoMoreThanAConsumerCanHave) {
  v1::Settle frame;
  *frame.add_settlements() = Ack(1);
  EXPECT_TRUE(ToSettlements(frame.settlements()).ok());
  for (uint64_t tag = 0; tag < 65'536; ++tag) frame.mutable_settlements(0)->add_delivery_tags(tag);
  EXPECT_EQ(ErrorInfoOf(ToSettlements(frame.settlements()).status()).reason, "SETTLEMENT_INVALID");
}

TEST(Prefetch, ZeroIsTheDefaultAndTheLimitIs65535) {
  EXPECT_EQ(ToPrefetch(0, 0)->messages, 1000u);
  EXPECT_EQ(ToPrefetch(0, 0)->bytes, uint64_t{64} << 20);
  EXPECT_EQ(ToPrefetch(65'535, 1)->messages, 65'535u);
  EXPECT_EQ(ToPrefetch(1, 1)->bytes, 1u);
  EXPECT_EQ(ErrorInfoOf(ToPrefetch(65'536, 0).status()).reason, "PREFETCH_INVALID");
}

}  // namespace
}  // namespace warren::api
