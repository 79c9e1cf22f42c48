// What people see in text and jsonb columns.
#include "storage/postgres/readable.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace warren::storage {
namespace {

using namespace std::string_literals;

std::string Shown(std::string_view bytes) {
  std::string scratch;
  return std::string(Readable(bytes, scratch));
}

// | text                         | not text                                        |
// | "", ASCII, controls          | U+0000                                          |
// | U+0080 U+07FF U+0800 U+FFFD  | a tail alone, a tail that is missing            |
// | U+10000 U+10FFFF             | overlong forms, surrogates, above U+10FFFF      |
TEST(Readable, TextIsWhatPostgresTakes) {
  for (const std::string& text :
       {""s, "orders"s, "\x01\x7f"s, "\xc2\x80"s, "\xdf\xbf"s, "\xe0\xa0\x80"s, "\xef\xbf\xbd"s,
        "\xf0\x90\x80\x80"s, "\xf4\x8f\xbf\xbf"s, "\xed\x9f\xbf"s}) {
    EXPECT_TRUE(IsText(text)) << text;
    EXPECT_EQ(Shown(text), text);
  }
  for (const std::string& bytes :
       {"\0"s, "a\0b"s, "\x80"s, "\xc2"s, "\xc2x"s, "\xc1\xbf"s, "\xe0\x9f\xbf"s, "\xe2\x82"s,
        "\xed\xa0\x80"s, "\xf0\x8f\xbf\xbf"s, "\xf4\x90\x80\x80"s, "\xf5\x80\x80\x80"s, "\xff"s}) {
    EXPECT_FALSE(IsText(bytes));
    EXPECT_TRUE(IsText(Shown(bytes)));
  }
  EXPECT_EQ(Shown("a\0b\xff"s), "a\xef\xbf\xbd" "b\xef\xbf\xbd");
}

TEST(Readable, HeadersOfEveryTypeAreJson) {
  Headers headers = {{"text", {"a\"b\\\n\0"s}},
                     {"int", {int64_t{-5}}},
                     {"double", {0.1}},
                     {"nan", {std::numeric_limits<double>::quiet_NaN()}},
                     {"bool", {true}},
                     {"bytes", {Bytes{"\0\xff"s}}},
                     {"time", {Timestamp{1'700'000'000'123}}},
                     {"list", {Value::List{{int64_t{1}}, {}}}},
                     {"table", {Headers{{"x", {false}}}}}};
  SortHeaders(headers);
  EXPECT_EQ(HeadersJson(headers),
            "{\"bool\":true,\"bytes\":\"\\\\x00ff\",\"double\":0.10000000000000001,\"int\":-5,"
            "\"list\":[1,null],\"nan\":\"nan\",\"table\":{\"x\":false},"
            "\"text\":\"a\\\"b\\\\\\u000a\xef\xbf\xbd\",\"time\":\"2023-11-14T22:13:20.123Z\"}");
  EXPECT_EQ(HeadersJson({}), "{}");
}

TEST(Readable, VeryLargeHeadersAreShortened) {
  EXPECT_LT(HeadersJson({{"h", {std::string(10'000'000, 'x')}}}).size(), 1000u);
  EXPECT_LT(HeadersJson({{"h", {Value::List(1'000'000)}}}).size(), 1000u);
}

TEST(Readable, OptionsAndPropertiesNameWhatIsSet) {
  EXPECT_EQ(OptionsJson(ExchangeOptions{.durable = true}), "{\"durable\":true}");
  EXPECT_EQ(OptionsJson(QueueOptions{.max_length = 7, .overflow = OverflowPolicy::kRejectPublish}),
            "{\"max_length\":7,\"overflow\":\"reject_publish\"}");
  EXPECT_EQ(PropertiesJson({.message_id = "m"}), "{\"message_id\":\"m\"}");
}

}  // namespace
}  // namespace warren::storage
