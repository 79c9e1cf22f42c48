#include "server/config/values.h"

#include <gtest/gtest.h>

namespace warren::config {
namespace {

TEST(ConfigValues, SizesHaveUnitsOfPowersOf1024) {
  uint64_t bytes = 0;
  for (const auto& [text, value] : std::vector<std::pair<std::string, uint64_t>>{
           {"0", 0}, {"17", 17}, {"1K", 1024}, {"3kib", 3072}, {"16MiB", 16 << 20}, {"2 GB", uint64_t{2} << 30}}) {
    EXPECT_EQ(ParseSize(text, {0, UINT64_MAX}, bytes), std::nullopt) << text;
    EXPECT_EQ(bytes, value) << text;
  }
}

TEST(ConfigValues, SizesThatAreNoneAreRefused) {
  uint64_t bytes = 0;
  for (const char* text : {"", "x", "-1", "1.5M", "1TiB", "99999999999999999999", "18446744073709551615K"}) {
    EXPECT_NE(ParseSize(text, {0, UINT64_MAX}, bytes), std::nullopt) << text;
  }
  EXPECT_EQ(ParseSize("2K", {1, 1024}, bytes), "\"2K\" is out of range: it may be 1 to 1024 bytes");
}

TEST(ConfigValues, TimesNeedTheirUnit) {
  int64_t ms = 0;
  EXPECT_EQ(ParseTime("250ms", {0, 1'000'000}, ms), std::nullopt);
  EXPECT_EQ(ms, 250);
  EXPECT_EQ(ParseTime("2m", {0, 1'000'000}, ms), std::nullopt);
  EXPECT_EQ(ms, 120'000);
  for (const char* text : {"10", "s", "1h", "1S", "-1s", "99999999999999999999s"}) {
    EXPECT_NE(ParseTime(text, {0, 1'000'000}, ms), std::nullopt) << text;
  }
}

TEST(ConfigValues, AddressesAreHostAndPort) {
  for (const char* good : {"127.0.0.1:0", "[::]:7171", "broker.example:65535"}) {
    EXPECT_EQ(CheckAddress(good), std::nullopt) << good;
  }
  for (const char* bad : {"", "localhost", ":7171", "a:", "a:65536", "a:7x"}) {
    EXPECT_NE(CheckAddress(bad), std::nullopt) << bad;
  }
}

TEST(ConfigValues, LoopbackIsWhatNobodyElseReaches) {
  for (const char* own : {"127.0.0.1:1", "127.9.9.9:1", "localhost:1", "[::1]:1"}) {
    EXPECT_TRUE(IsLoopback(own)) << own;
  }
  for (const char* open : {"0.0.0.0:1", "[::]:1", "10.0.0.1:1", "127.evil.example:1", "broker:1"}) {
    EXPECT_FALSE(IsLoopback(open)) << open;
  }
}

TEST(ConfigValues, TheNearestNameIsSuggestedIfOneIsNear) {
  const std::vector<std::string> names = {"server.listen", "server.http", "memory.limit"};
  EXPECT_EQ(Nearest("server.lisen", names), "server.listen");
  EXPECT_EQ(Nearest("memory.limits", names), "memory.limit");
  EXPECT_EQ(Nearest("completely.different", names), "");
}

}  // namespace
}  // namespace warren::config
