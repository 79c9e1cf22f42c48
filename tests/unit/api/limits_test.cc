#include "server/api/convert/limits.h"

#include <gtest/gtest.h>

#include <limits>

#include "server/base/error.h"

namespace warren::api {
namespace {

google::protobuf::Duration Duration(int64_t seconds, int32_t nanos = 0) {
  google::protobuf::Duration duration;
  duration.set_seconds(seconds);
  duration.set_nanos(nanos);
  return duration;
}

google::protobuf::Timestamp Timestamp(int64_t seconds, int32_t nanos = 0) {
  google::protobuf::Timestamp timestamp;
  timestamp.set_seconds(seconds);
  timestamp.set_nanos(nanos);
  return timestamp;
}

TEST(Limits, NamesAreUtf8OfAtMost255Bytes) {
  EXPECT_TRUE(CheckName("queue", "").ok());
  EXPECT_TRUE(CheckName("queue", std::string(255, 'x')).ok());
  const absl::Status status = CheckName("queue", std::string(256, 'x'));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ErrorInfoOf(status).reason, "NAME_INVALID");
  EXPECT_EQ(ErrorInfoOf(status).metadata.at("name"), "queue");
  EXPECT_FALSE(CheckRequiredName("queue", "").ok());
  EXPECT_FALSE(CheckName("queue", "\xc3").ok());
}

TEST(Limits, Utf8IsWhatUnicodeSays) {
  for (const char* valid : {"", "abc", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x90\xb0",
                            "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf", "\xee\x80\x80"}) {
    EXPECT_TRUE(IsUtf8(valid)) << valid;
  }
  for (const char* invalid :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xc3", "\xe0\x80\x80", "\xe2\x82", "\xed\xa0\x80",
        "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "a\xc3z"}) {
    EXPECT_FALSE(IsUtf8(invalid)) << invalid;
  }
}

TEST(Limits, DurationsAreRoundedToMilliseconds) {
  EXPECT_EQ(*DurationMs("delay", Duration(0)), 0);
  EXPECT_EQ(*DurationMs("delay", Duration(1, 499'999)), 1000);
  EXPECT_EQ(*DurationMs("delay", Duration(1, 500'000)), 1001);
  EXPECT_EQ(*DurationMs("delay", Duration(1, 999'999'999)), 2000);
}

TEST(Limits, DurationsLieBetween0And100Years) {
  constexpr int64_t kCentury = kMaxDurationMs / 1000;
  EXPECT_EQ(*DurationMs("delay", Duration(kCentury)), kMaxDurationMs);
  for (const auto& bad :
       {Duration(-1), Duration(0, -1), Duration(kCentury + 1), Duration(1, 1'000'000'000),
        Duration(std::numeric_limits<int64_t>::max()),
        Duration(std::numeric_limits<int64_t>::min())}) {
    const auto ms = DurationMs("delay", bad);
    EXPECT_EQ(ErrorInfoOf(ms.status()).reason, "DURATION_INVALID") << bad.ShortDebugString();
  }
}

TEST(Limits, TimestampsSurviveTheRoundTripOnBothSidesOfTheEpoch) {
  for (const int64_t ms : {int64_t{0}, int64_t{1}, int64_t{-1}, int64_t{-1500},
                           int64_t{1'700'000'000'123}}) {
    google::protobuf::Timestamp proto;
    SetTimestamp(ms, &proto);
    EXPECT_GE(proto.nanos(), 0);
    EXPECT_EQ(*TimestampMs("timestamp", proto), ms);
  }
  for (const auto& bad : {Timestamp(253'402'300'800), Timestamp(-62'135'596'801), Timestamp(0, -1),
                          Timestamp(0, 1'000'000'000)}) {
    EXPECT_FALSE(TimestampMs("timestamp", bad).ok()) << bad.ShortDebugString();
  }
}

TEST(Limits, AnEmptyVirtualHostIsTheDefaultOne) {
  EXPECT_EQ(VirtualHostName(""), "/");
  EXPECT_EQ(VirtualHostName("a"), "a");
}

}  // namespace
}  // namespace warren::api
