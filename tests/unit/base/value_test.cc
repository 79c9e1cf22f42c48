#include "storage/value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace warren::storage {
namespace {

Value Int(int64_t n) { return Value{n}; }

TEST(Headers, SortOrdersByNameAndKeepsTheLastOfEqualNames) {
  Headers headers = {{"b", Int(1)}, {"a", Int(2)}, {"b", Int(3)}, {"", Int(4)}, {"b", Int(5)}};
  SortHeaders(headers);
  EXPECT_EQ(headers, (Headers{{"", Int(4)}, {"a", Int(2)}, {"b", Int(5)}}));
}

TEST(Headers, SortLeavesSortedOnesAlone) {
  Headers none;
  SortHeaders(none);
  EXPECT_TRUE(none.empty());
  Headers headers = {{"a", Int(1)}, {"b", Int(2)}};
  SortHeaders(headers);
  EXPECT_EQ(headers, (Headers{{"a", Int(1)}, {"b", Int(2)}}));
}

TEST(Headers, NamesOrderAsBytes) {
  Headers headers = {{"é", Int(1)}, {"z", Int(2)}, {"Z", Int(3)}};
  SortHeaders(headers);
  EXPECT_EQ(headers, (Headers{{"Z", Int(3)}, {"z", Int(2)}, {"é", Int(1)}}));
}

TEST(Headers, FindGivesTheValueOrNull) {
  const Headers headers = {{"a", Int(1)}, {"c", Value{}}};
  ASSERT_NE(FindHeader(headers, "a"), nullptr);
  EXPECT_EQ(*FindHeader(headers, "a"), Int(1));
  EXPECT_NE(FindHeader(headers, "c"), nullptr);
  for (const auto* name : {"", "A", "b", "d"}) EXPECT_EQ(FindHeader(headers, name), nullptr);
  EXPECT_EQ(FindHeader({}, "a"), nullptr);
}

TEST(Value, EqualityNeedsTheSameTypeAndTheSameValue) {
  EXPECT_EQ(Value{}, Value{});
  EXPECT_EQ(Int(1), Int(1));
  EXPECT_NE(Int(1), Int(2));
  EXPECT_NE(Int(1), Value{1.0});
  EXPECT_NE(Int(1), Value{true});
  EXPECT_NE(Int(1), Value{Timestamp{1}});
  EXPECT_NE(Value{std::string("a")}, Value{Bytes{"a"}});
  EXPECT_EQ((Value{Value::List{Int(1), Value{}}}), (Value{Value::List{Int(1), Value{}}}));
  EXPECT_NE((Value{Value::List{Int(1)}}), (Value{Value::List{Value{1.0}}}));
  EXPECT_NE((Value{Headers{{"a", Int(1)}}}), (Value{Headers{{"b", Int(1)}}}));
}

}  // namespace
}  // namespace warren::storage
