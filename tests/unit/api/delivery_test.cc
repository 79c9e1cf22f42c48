#include "server/api/convert/delivery.h"

#include <gtest/gtest.h>

#include <memory>

namespace warren::api {
namespace {

storage::RefPtr<storage::Message> Message(const std::string& body) {
  auto message = storage::MakeRef<storage::Message>();
  message->exchange = storage::SharedString("exchange");
  message->routing_key = storage::SharedString("key");
  message->body = storage::SharedString(body);
  message->published_at_ms = 1'500;
  return message;
}

TEST(Delivery, CarriesWhatTheConsumerNeeds) {
  auto message = Message("body");
  message->persistent = true;
  message->priority = 4;
  message->expiration_ms = 2'500;
  message->properties = std::make_unique<storage::Properties>(
      storage::Properties{.message_id = "id", .timestamp_ms = 7, .headers = {{"h", {true}}}});
  v1::Delivery proto;
  const size_t bytes = SetDelivery(
      {.tag = {9}, .message = message, .redelivered = true, .delivery_count = 2}, &proto);
  EXPECT_EQ(bytes, proto.ByteSizeLong());
  EXPECT_EQ(proto.delivery_tag(), 9u);
  EXPECT_EQ(proto.exchange(), "exchange");
  EXPECT_EQ(proto.routing_key(), "key");
  EXPECT_TRUE(proto.redelivered());
  EXPECT_EQ(proto.delivery_count(), 2u);
  EXPECT_EQ(proto.published_at().seconds(), 1);
  EXPECT_EQ(proto.published_at().nanos(), 500'000'000);
  EXPECT_EQ(proto.message().body(), "body");
  EXPECT_EQ(proto.message().delivery_mode(), v1::DELIVERY_MODE_PERSISTENT);
  EXPECT_EQ(proto.message().priority(), 4u);
  EXPECT_EQ(proto.message().expiration().seconds(), 2);
  EXPECT_EQ(proto.message().message_id(), "id");
  EXPECT_TRUE(proto.message().headers().at("h").bool_value());
  EXPECT_EQ(proto.deaths_size(), 0);
}

TEST(Delivery, AReusedProtoKeepsNothingOfTheOneBefore) {
  auto rich = Message("rich");
  rich->priority = 4;
  rich->expiration_ms = 5;
  rich->properties = std::make_unique<storage::Properties>(
      storage::Properties{.message_id = "id", .headers = {{"h", {true}}}});
  v1::Deliveries frame;
  SetDelivery({.tag = {1}, .message = rich, .redelivered = true, .delivery_count = 3},
              frame.add_deliveries());
  frame.clear_deliveries();
  v1::Delivery expected;
  SetDelivery({.tag = {2}, .message = Message("plain")}, &expected);
  SetDelivery({.tag = {2}, .message = Message("plain")}, frame.add_deliveries());
  EXPECT_EQ(frame.deliveries(0).SerializeAsString(), expected.SerializeAsString());
}

TEST(Delivery, TellsDeathsTypedAndAsRabbitMqsHeaders) {
  auto message = Message("dead");
  storage::DeathHistory history;
  history.deaths.push_back({.queue = "second",
                            .reason = storage::DeathReason::kRejected,
                            .count = 2,
                            .first_at_ms = 2'000,
                            .exchange = "dlx",
                            .routing_keys = {"b"}});
  history.deaths.push_back({.queue = "first",
                            .reason = storage::DeathReason::kExpired,
                            .count = 1,
                            .first_at_ms = 1'000,
                            .exchange = "orders",
                            .routing_keys = {"a", "cc"},
                            .original_expiration_ms = 60'000});
  history.first_death_queue = "first";
  history.first_death_exchange = "orders";
  history.first_death_reason = storage::DeathReason::kExpired;
  message->deaths = std::make_unique<storage::DeathHistory>(history);

  v1::Delivery proto;
  SetDelivery({.tag = {1}, .message = message}, &proto);
  ASSERT_EQ(proto.deaths_size(), 2);
  EXPECT_EQ(proto.deaths(0).reason(), v1::DEATH_REASON_REJECTED);
  EXPECT_EQ(proto.deaths(0).count(), 2u);
  EXPECT_FALSE(proto.deaths(0).has_original_expiration());
  EXPECT_EQ(proto.deaths(1).original_expiration().seconds(), 60);
  EXPECT_EQ(proto.deaths(1).routing_keys_size(), 2);

  const auto& headers = proto.message().headers();
  EXPECT_EQ(headers.at("x-first-death-queue").string_value(), "first");
  EXPECT_EQ(headers.at("x-first-death-reason").string_value(), "expired");
  EXPECT_EQ(headers.at("x-first-death-exchange").string_value(), "orders");
  EXPECT_EQ(headers.at("x-last-death-queue").string_value(), "second");
  EXPECT_EQ(headers.at("x-last-death-reason").string_value(), "rejected");
  EXPECT_EQ(headers.at("x-last-death-exchange").string_value(), "dlx");
  const v1::HeaderList& deaths = headers.at("x-death").list_value();
  ASSERT_EQ(deaths.values_size(), 2);
  const auto& oldest = deaths.values(1).table_value().entries();
  EXPECT_EQ(oldest.at("queue").string_value(), "first");
  EXPECT_EQ(oldest.at("reason").string_value(), "expired");
  EXPECT_EQ(oldest.at("count").int_value(), 1);
  EXPECT_EQ(oldest.at("time").timestamp_value().seconds(), 1);
  EXPECT_EQ(oldest.at("exchange").string_value(), "orders");
  EXPECT_EQ(oldest.at("routing-keys").list_value().values(1).string_value(), "cc");
  EXPECT_EQ(oldest.at("original-expiration").string_value(), "60000");
  EXPECT_EQ(deaths.values(0).table_value().entries().count("original-expiration"), 0u);
}

}  // namespace
}  // namespace warren::api
