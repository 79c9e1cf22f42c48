#include "server/api/convert/headers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "server/base/error.h"

namespace warren::api {
namespace {

// Lists in lists, `depth` deep.
v1::HeaderValue Nested(int depth) {
  v1::HeaderValue value;
  v1::HeaderValue* innermost = &value;
  for (int i = 0; i < depth; ++i) innermost = innermost->mutable_list_value()->add_values();
  innermost->set_int_value(1);
  return value;
}

std::string ReasonOf(const absl::Status& status) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  return ErrorInfoOf(status).reason;
}

TEST(Headers, EveryKindSurvivesTheRoundTrip) {
  ProtoHeaders proto;
  proto["string"].set_string_value("text");
  proto["int"].set_int_value(-7);
  proto["double"].set_double_value(0.5);
  proto["bool"].set_bool_value(false);
  proto["bytes"].set_bytes_value(std::string("\0\xff", 2));
  proto["time"].mutable_timestamp_value()->set_seconds(12);
  proto["void"];
  proto["list"] = Nested(8);
  (*proto["table"].mutable_table_value()->mutable_entries())["x"].set_bool_value(true);
  const ProtoHeaders before = proto;

  const auto headers = TakeHeaders(proto);
  ASSERT_TRUE(headers.ok()) << headers.status();
  ASSERT_EQ(headers->size(), before.size());
  for (size_t i = 1; i < headers->size(); ++i) {
    EXPECT_LT((*headers)[i - 1].name, (*headers)[i].name);
  }
  ProtoHeaders after;
  SetHeaders(*headers, &after);
  for (const auto& [name, value] : before) {
    EXPECT_EQ(after[name].SerializeAsString(), value.SerializeAsString()) << name;
  }
}

TEST(Headers, WhatNestsTooDeepIsRefused) {
  ProtoHeaders proto;
  proto["x"] = Nested(9);
  EXPECT_EQ(ReasonOf(TakeHeaders(proto).status()), "HEADERS_INVALID");
  ProtoHeaders bottomless;
  bottomless["x"] = Nested(90);
  EXPECT_EQ(ReasonOf(TakeHeaders(bottomless).status()), "HEADERS_INVALID");
}

TEST(Headers, NamesSizesAndNumbersAreChecked) {
  ProtoHeaders name;
  name[std::string(256, 'n')].set_int_value(1);
  EXPECT_EQ(ReasonOf(TakeHeaders(name).status()), "HEADERS_INVALID");
  ProtoHeaders nan;
  nan["x"].set_double_value(std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(ReasonOf(TakeHeaders(nan).status()), "HEADERS_INVALID");
  ProtoHeaders fits;
  fits["x"].set_string_value(std::string(65'535, 'v'));
  EXPECT_TRUE(TakeHeaders(fits).ok());
  ProtoHeaders large;
  large["x"].set_string_value(std::string(65'536, 'v'));
  EXPECT_EQ(ReasonOf(TakeHeaders(large).status()), "HEADERS_INVALID");
  ProtoHeaders many;
  for (int i = 0; i < 10'000; ++i) many["x"].mutable_list_value()->add_values();
  EXPECT_EQ(ReasonOf(TakeHeaders(many).status()), "HEADERS_INVALID");
}

TEST(Headers, WhatTheBrokerOwnsIsDroppedFromMessages) {
  EXPECT_TRUE(IsBrokerOwned("x-death"));
  EXPECT_TRUE(IsBrokerOwned("x-first-death-queue"));
  EXPECT_TRUE(IsBrokerOwned("x-last-death-reason"));
  EXPECT_FALSE(IsBrokerOwned("x-deaths"));
  EXPECT_FALSE(IsBrokerOwned("x-retry-count"));
  EXPECT_FALSE(IsBrokerOwned("x-"));
  EXPECT_FALSE(IsBrokerOwned(""));
  ProtoHeaders proto;
  proto["x-death"].set_string_value("forged");
  proto["x-first-death-queue"].set_string_value("forged");
  proto["x-retry-count"].set_int_value(2);
  const auto headers = TakeMessageHeaders(proto, 100);
  ASSERT_TRUE(headers.ok());
  ASSERT_EQ(headers->size(), 1u);
  EXPECT_EQ(headers->front().name, "x-retry-count");
}

TEST(Headers, MoreThanTheLimitAreRefusedNestedOnesCounted) {
  ProtoHeaders proto;
  for (int i = 0; i < 3; ++i) proto["h" + std::to_string(i)].set_int_value(i);
  EXPECT_TRUE(TakeMessageHeaders(proto, 3).ok());
  proto["list"].mutable_list_value()->add_values()->set_int_value(1);
  const auto refused = TakeMessageHeaders(proto, 4);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.status().message()), ::testing::HasSubstr("more than 4 headers"));
  EXPECT_TRUE(TakeMessageHeaders(proto, 5).ok());
}

}  // namespace
}  // namespace warren::api
