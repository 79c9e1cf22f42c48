#include "tools/warrenctl/values.h"

#include <google/protobuf/util/time_util.h>
#include <gtest/gtest.h>

namespace warren::tools {
namespace {

using google::protobuf::util::TimeUtil;

TEST(ParseDuration, TakesNumbersWithUnits) {
  const std::pair<const char*, int64_t> cases[] = {
      {"0", 0}, {"500ms", 500}, {"10s", 10'000}, {"1.5s", 1'500}, {"1h30m", 5'400'000}};
  for (const auto& [text, milliseconds] : cases) {
    const auto duration = ParseDuration(text);
    ASSERT_TRUE(duration.ok()) << text;
    EXPECT_EQ(TimeUtil::DurationToMilliseconds(*duration), milliseconds) << text;
  }
}

TEST(ParseDuration, RefusesAllElse) {
  for (const char* text : {"", "10", "ten", "-1s", "0.1ms", "inf", "10 s", "1s?"}) {
    EXPECT_FALSE(ParseDuration(text).ok()) << text;
  }
}

TEST(ParseHeader, TakesTextUnlessATypeIsNamed) {
  EXPECT_EQ(ParseHeader("region=eu")->value.string_value(), "eu");
  EXPECT_EQ(ParseHeader("empty=")->value.string_value(), "");
  EXPECT_EQ(ParseHeader("text=1")->value.string_value(), "1");
  EXPECT_EQ(ParseHeader("query=a=b")->value.string_value(), "a=b");
  EXPECT_EQ(ParseHeader("n:int=-3")->value.int_value(), -3);
  EXPECT_EQ(ParseHeader("x:double=0.5")->value.double_value(), 0.5);
  EXPECT_TRUE(ParseHeader("b:bool=true")->value.bool_value());
  EXPECT_EQ(ParseHeader("s:string=int")->value.string_value(), "int");
  EXPECT_EQ(ParseHeader("s:string=int")->name, "s");
}

TEST(ParseHeader, AColonThatNoTypeFollowsBelongsToTheName) {
  const auto header = ParseHeader("a:b=c");
  ASSERT_TRUE(header.ok());
  EXPECT_EQ(header->name, "a:b");
  EXPECT_EQ(header->value.string_value(), "c");
}

TEST(ParseHeader, ANameAloneIsAVoid) {
  const auto header = ParseHeader("seen");
  ASSERT_TRUE(header.ok());
  EXPECT_EQ(header->name, "seen");
  EXPECT_EQ(header->value.kind_case(), v1::HeaderValue::KIND_NOT_SET);
}

TEST(ParseHeader, RefusesWrongValuesAndMissingNames) {
  for (const char* text : {"", "=x", ":int=1", "n:int=x", "n:int=", "b:bool=7", "x:double=y"}) {
    EXPECT_FALSE(ParseHeader(text).ok()) << text;
  }
}

}  // namespace
}  // namespace warren::tools
