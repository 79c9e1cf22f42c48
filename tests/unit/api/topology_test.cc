#include "server/api/convert/topology.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "server/base/error.h"

namespace warren::api {
namespace {

std::string QueueReason(const std::function<void(v1::QueueOptions&)>& change) {
  v1::QueueOptions proto;
  change(proto);
  const auto options = ToQueueOptions(proto);
  return options.ok() ? "OK" : ErrorInfoOf(options.status()).reason;
}

TEST(QueueOptions, AbsentOptionsHaveTheirDefaults) {
  EXPECT_EQ(*ToQueueOptions({}), storage::QueueOptions());
}

TEST(QueueOptions, CarriesEachOption) {
  v1::QueueOptions proto;
  proto.set_durable(true);
  proto.set_auto_delete(true);
  proto.mutable_expires()->set_seconds(1);
  proto.mutable_message_ttl()->set_seconds(0);
  proto.set_max_length(5);
  proto.set_max_length_bytes(6);
  proto.set_overflow(v1::OVERFLOW_POLICY_REJECT_PUBLISH_DLX);
  proto.set_dead_letter_exchange("");
  proto.set_dead_letter_routing_key("dead");
  proto.set_max_priority(255);
  proto.set_delivery_limit(3);
  proto.mutable_retry()->set_max_attempts(4);
  proto.mutable_retry()->mutable_initial_backoff()->set_seconds(2);
  proto.mutable_retry()->set_multiplier(1);
  proto.mutable_retry()->mutable_max_backoff()->set_seconds(9);
  proto.mutable_retry()->set_jitter(0.5);
  proto.mutable_deduplication_window()->set_seconds(7);
  const auto options = ToQueueOptions(proto);
  ASSERT_TRUE(options.ok()) << options.status();
  const storage::QueueOptions expected{
      .durable = true,
      .auto_delete = true,
      .expires_ms = 1000,
      .message_ttl_ms = 0,
      .max_length = 5,
      .max_length_bytes = 6,
      .overflow = storage::OverflowPolicy::kRejectPublishDlx,
      .dead_letter_exchange = "",
      .dead_letter_routing_key = "dead",
      .max_priority = 255,
      .delivery_limit = 3,
      .retry = storage::RetryPolicy{.max_attempts = 4,
                                    .initial_backoff_ms = 2000,
                                    .multiplier = 1,
                                    .max_backoff_ms = 9000,
                                    .jitter = 0.5},
      .deduplication_window_ms = 7000};
  EXPECT_EQ(*options, expected);
}

TEST(QueueOptions, WhatIsOutOfRangeIsRefused) {
  EXPECT_EQ(QueueReason([](auto& o) { o.mutable_expires(); }), "OPTION_INVALID");
  EXPECT_EQ(QueueReason([](auto& o) { o.mutable_expires()->set_seconds(-1); }),
            "DURATION_INVALID");
  EXPECT_EQ(QueueReason([](auto& o) { o.set_max_priority(256); }), "OPTION_INVALID");
  EXPECT_EQ(QueueReason([](auto& o) { o.set_overflow(static_cast<v1::OverflowPolicy>(9)); }),
            "OPTION_INVALID");
  EXPECT_EQ(QueueReason([](auto& o) { o.set_dead_letter_exchange(std::string(256, 'x')); }),
            "NAME_INVALID");
  EXPECT_EQ(QueueReason([](auto& o) { o.mutable_retry(); }), "OPTION_INVALID");
  EXPECT_EQ(QueueReason([](auto& o) { o.mutable_retry()->set_max_attempts(65'536); }),
            "OPTION_INVALID");
  for (const double multiplier : {0.5, -1.0, std::nan(""), HUGE_VAL}) {
    EXPECT_EQ(QueueReason([&](auto& o) {
                o.mutable_retry()->set_max_attempts(1);
                o.mutable_retry()->set_multiplier(multiplier);
              }),
              "OPTION_INVALID")
        << multiplier;
  }
  for (const double jitter : {-0.1, 1.1, std::nan("")}) {
    EXPECT_EQ(QueueReason([&](auto& o) {
                o.mutable_retry()->set_max_attempts(1);
                o.mutable_retry()->set_jitter(jitter);
              }),
              "OPTION_INVALID")
        << jitter;
  }
  EXPECT_EQ(
      QueueReason([](auto& o) { o.mutable_deduplication_window()->set_seconds(7 * 86'400); }),
      "OK");
  EXPECT_EQ(
      QueueReason([](auto& o) { o.mutable_deduplication_window()->set_seconds(7 * 86'400 + 1); }),
      "OPTION_INVALID");
}

TEST(ExchangeOptions, NeedAKnownType) {
  v1::ExchangeOptions proto;
  EXPECT_FALSE(ToExchangeOptions(proto).ok());
  proto.set_type(v1::EXCHANGE_TYPE_HEADERS);
  proto.set_delayed(true);
  proto.set_alternate_exchange("other");
  const auto options = ToExchangeOptions(proto);
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(*options, (storage::ExchangeOptions{.type = storage::ExchangeType::kHeaders,
                                                .delayed = true,
                                                .alternate_exchange = "other"}));
  proto.set_type(static_cast<v1::ExchangeType>(9));
  EXPECT_FALSE(ToExchangeOptions(proto).ok());
}

TEST(Binding, NeedsADestination) {
  v1::Binding proto;
  proto.set_source("s");
  EXPECT_EQ(ErrorInfoOf(TakeBinding(proto).status()).reason, "BINDING_INVALID");
  proto.set_exchange("e");
  proto.set_routing_key("k");
  (*proto.mutable_arguments())["match"].set_string_value("any");
  const auto binding = TakeBinding(proto);
  ASSERT_TRUE(binding.ok());
  EXPECT_EQ(binding->destination_kind, core::DestinationKind::kExchange);
  EXPECT_EQ(binding->destination, "e");
  EXPECT_EQ(binding->key, "k");
  EXPECT_EQ(binding->arguments.size(), 1u);
}

TEST(Binding, OfASubscriptionGoesToItsQueue) {
  v1::Binding proto;
  proto.set_source("s");
  proto.set_exchange("ignored");
  const auto binding = TakeBindingTo("q", proto);
  ASSERT_TRUE(binding.ok());
  EXPECT_EQ(binding->destination_kind, core::DestinationKind::kQueue);
  EXPECT_EQ(binding->destination, "q");
}

}  // namespace
}  // namespace warren::api
