#include "server/api/convert/publication.h"

#include <gtest/gtest.h>

#include <functional>

#include "server/base/error.h"

namespace warren::api {
namespace {

class PublicationTest : public ::testing::Test {
 protected:
  static v1::Publication Minimal() {
    v1::Publication proto;
    proto.set_routing_key("key");
    proto.mutable_message()->set_body("body");
    return proto;
  }

  // What the reader says about a minimal publication with one change.
  absl::Status Refused(const std::function<void(v1::Publication&)>& change) {
    v1::Publication proto = Minimal();
    change(proto);
    const core::Publication publication = reader_.Take(proto);
    EXPECT_EQ(publication.refused.ok(), static_cast<bool>(publication.message));
    return publication.refused;
  }

  std::string Reason(const std::function<void(v1::Publication&)>& change) {
    const absl::Status status = Refused(change);
    return status.ok() ? "OK" : ErrorInfoOf(status).reason;
  }

  Interner interner_;
  PublicationReader reader_{{.max_message_bytes = 100, .max_headers = 3}, interner_};
};

TEST_F(PublicationTest, CarriesEveryProperty) {
  v1::Publication proto = Minimal();
  proto.set_exchange("exchange");
  proto.set_mandatory(true);
  proto.set_resent(true);
  proto.mutable_delay()->set_seconds(2);
  v1::Message& message = *proto.mutable_message();
  message.set_delivery_mode(v1::DELIVERY_MODE_PERSISTENT);
  message.set_priority(255);
  message.mutable_expiration()->set_seconds(3);
  message.set_message_id("id");
  message.set_correlation_id("correlation");
  message.set_reply_to("reply");
  message.set_type("type");
  message.set_app_id("app");
  message.set_user_id("user");
  message.set_content_type("text/plain");
  message.set_content_encoding("gzip");
  message.mutable_timestamp()->set_seconds(4);
  (*message.mutable_headers())["h"].set_int_value(5);

  const core::Publication publication = reader_.Take(proto);
  ASSERT_TRUE(publication.refused.ok()) << publication.refused;
  EXPECT_TRUE(publication.mandatory);
  EXPECT_TRUE(publication.resent);
  EXPECT_EQ(publication.delay_ms, 2000);
  EXPECT_EQ(publication.deliver_at_ms, 0);
  const storage::Message& m = *publication.message;
  EXPECT_EQ(m.exchange.view(), "exchange");
  EXPECT_EQ(m.routing_key.view(), "key");
  EXPECT_EQ(m.body.view(), "body");
  EXPECT_TRUE(m.persistent);
  EXPECT_EQ(m.priority, 255);
  EXPECT_EQ(m.expiration_ms, 3000);
  ASSERT_NE(m.properties, nullptr);
  EXPECT_EQ(*m.properties, (storage::Properties{.message_id = "id",
                                                .correlation_id = "correlation",
                                                .reply_to = "reply",
                                                .type = "type",
                                                .app_id = "app",
                                                .user_id = "user",
                                                .content_type = "text/plain",
                                                .content_encoding = "gzip",
                                                .timestamp_ms = 4000,
                                                .headers = {{"h", {int64_t{5}}}}}));
}

TEST_F(PublicationTest, ABareMessageHasNoProperties) {
  v1::Publication proto = Minimal();
  EXPECT_EQ(reader_.Take(proto).message->properties, nullptr);
}

TEST_F(PublicationTest, ForgedDeathHeadersAloneLeaveNoProperties) {
  v1::Publication proto = Minimal();
  (*proto.mutable_message()->mutable_headers())["x-first-death-queue"].set_string_value("forged");
  EXPECT_EQ(reader_.Take(proto).message->properties, nullptr);
}

TEST_F(PublicationTest, ABodyBeyondASmallOneIsMovedNotCopied) {
  PublicationReader reader({.max_message_bytes = 1000, .max_headers = 3}, interner_);
  v1::Publication proto = Minimal();
  proto.mutable_message()->set_body(std::string(storage::SharedString::kMostCopied + 1, 'b'));
  const char* const bytes = proto.message().body().data();
  const core::Publication publication = reader.Take(proto);
  ASSERT_NE(publication.message, nullptr);
  EXPECT_EQ(publication.message->body.view().data(), bytes);
}

TEST_F(PublicationTest, NamesAreShared) {
  v1::Publication first = Minimal();
  v1::Publication second = Minimal();
  const auto a = reader_.Take(first).message;
  const auto b = reader_.Take(second).message;
  EXPECT_EQ(a->routing_key.view().data(), b->routing_key.view().data());
}

TEST_F(PublicationTest, ABodyOverTheLimitIsRefusedWithTheLimit) {
  EXPECT_EQ(Reason([](auto& p) { p.mutable_message()->set_body(std::string(100, 'x')); }), "OK");
  const absl::Status status =
      Refused([](auto& p) { p.mutable_message()->set_body(std::string(101, 'x')); });
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ErrorInfoOf(status).reason, "MESSAGE_TOO_LARGE");
  EXPECT_EQ(ErrorInfoOf(status).metadata.at("max_message_bytes"), "100");
}

TEST_F(PublicationTest, WhatIsMalformedIsRefusedWithItsReason) {
  EXPECT_EQ(Reason([](auto& p) { p.clear_message(); }), "MESSAGE_INVALID");
  EXPECT_EQ(Reason([](auto& p) { p.set_exchange(std::string(256, 'x')); }), "NAME_INVALID");
  EXPECT_EQ(Reason([](auto& p) { p.set_routing_key(std::string(256, 'x')); }), "NAME_INVALID");
  EXPECT_EQ(Reason([](auto& p) { p.mutable_message()->set_priority(256); }), "MESSAGE_INVALID");
  EXPECT_EQ(Reason([](auto& p) {
              p.mutable_message()->set_delivery_mode(static_cast<v1::DeliveryMode>(9));
            }),
            "MESSAGE_INVALID");
  EXPECT_EQ(Reason([](auto& p) { p.mutable_message()->mutable_expiration()->set_seconds(-1); }),
            "DURATION_INVALID");
  EXPECT_EQ(Reason([](auto& p) { p.mutable_delay()->set_seconds(-1); }), "DURATION_INVALID");
  EXPECT_EQ(Reason([](auto& p) { p.mutable_deliver_at()->set_nanos(-1); }), "TIMESTAMP_INVALID");
  EXPECT_EQ(Reason([](auto& p) { p.mutable_message()->mutable_timestamp()->set_nanos(-1); }),
            "TIMESTAMP_INVALID");
  for (const char* text : {"message_id", "correlation_id", "reply_to", "type", "app_id", "user_id",
                           "content_type", "content_encoding"}) {
    EXPECT_EQ(Reason([&](auto& p) {
                v1::Message& m = *p.mutable_message();
                m.GetReflection()->SetString(&m, m.GetDescriptor()->FindFieldByName(text),
                                             std::string(256, 'x'));
              }),
              "PROPERTY_INVALID")
        << text;
  }
}

TEST_F(PublicationTest, ATimeInThePastIsAtOnce) {
  v1::Publication proto = Minimal();
  proto.mutable_deliver_at()->set_seconds(-5);
  EXPECT_EQ(reader_.Take(proto).deliver_at_ms, 0);
  proto = Minimal();
  proto.mutable_deliver_at()->set_seconds(5);
  EXPECT_EQ(reader_.Take(proto).deliver_at_ms, 5000);
}

TEST(Batch, HasOneTo10000Entries) {
  EXPECT_FALSE(CheckBatchSize(0).ok());
  EXPECT_TRUE(CheckBatchSize(0, 0).ok());
  EXPECT_TRUE(CheckBatchSize(10'000).ok());
  EXPECT_FALSE(CheckBatchSize(10'001).ok());
}

TEST(Batch, SequencesStartAt1AndNeverWrap) {
  EXPECT_FALSE(CheckFirstSequence(0, 1).ok());
  EXPECT_TRUE(CheckFirstSequence(1, 10'000).ok());
  EXPECT_FALSE(CheckFirstSequence(~uint64_t{0}, 1).ok());
  EXPECT_FALSE(CheckFirstSequence((uint64_t{1} << 63) - 5, 10).ok());
}

}  // namespace
}  // namespace warren::api
