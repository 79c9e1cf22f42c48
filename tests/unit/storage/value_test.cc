#include "storage/value.h"

#include "gtest/gtest.h"

namespace warren::storage {
namespace {

TEST(Headers, SortingKeepsTheLastOfEqualNames) {
  Headers headers = {{"b", {int64_t{1}}}, {"a", {int64_t{2}}}, {"b", {int64_t{3}}},
                     {"a", {int64_t{4}}}, {"c", {}}};
  SortHeaders(headers);
  EXPECT_EQ(headers, (Headers{{"a", {int64_t{4}}}, {"b", {int64_t{3}}}, {"c", {}}}));
}

TEST(Headers, SortingNothingGivesNothing) {
  Headers headers;
  SortHeaders(headers);
  EXPECT_TRUE(headers.empty());
}

TEST(Headers, ValueIsFoundByItsWholeName) {
  const Headers headers = {{"a", {true}}, {"ab", {false}}};
  ASSERT_NE(FindHeader(headers, "ab"), nullptr);
  EXPECT_EQ(*FindHeader(headers, "ab"), Value{false});
  EXPECT_EQ(FindHeader(headers, ""), nullptr);
  EXPECT_EQ(FindHeader(headers, "abc"), nullptr);
}

TEST(Value, EqualityIsStrictAboutTypes) {
  EXPECT_NE(Value{int64_t{1}}, Value{1.0});
  EXPECT_NE(Value{std::string("x")}, Value{Bytes{"x"}});
  EXPECT_NE(Value{int64_t{1}}, Value{Timestamp{1}});
  EXPECT_NE(Value{}, Value{false});
  EXPECT_EQ(Value{Value::List{{int64_t{1}}}}, Value{Value::List{{int64_t{1}}}});
}

}  // namespace
}  // namespace warren::storage
