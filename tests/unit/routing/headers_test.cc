#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>
#include <optional>
#include <random>

#include "server/base/error.h"
#include "tests/unit/routing/bound.h"
#include "tests/unit/routing/definition.h"

namespace warren::core {
namespace {

using storage::Bytes;
using storage::Header;
using storage::Headers;
using storage::Timestamp;
using storage::Value;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const Value kVoid{};
Value Int(int64_t n) { return Value{n}; }
Value Text(const char* s) { return Value{std::string(s)}; }
Header Match(const char* how) { return {"match", Text(how)}; }

bool Fits(const Headers& arguments, const Headers& headers) {
  Bound bound(storage::ExchangeType::kHeaders);
  EXPECT_TRUE(bound.Check("", arguments).ok());
  bound.Add("", arguments);
  return bound.Match("", headers).size() == 1;
}

TEST(HeadersMatcher, AllIsTheDefaultAndNeedsEveryArgument) {
  for (const bool named : {false, true}) {
    Headers arguments = {{"a", Int(1)}, {"b", Int(2)}};
    if (named) arguments.push_back(Match("all"));
    EXPECT_TRUE(Fits(arguments, {{"a", Int(1)}, {"b", Int(2)}}));
    EXPECT_TRUE(Fits(arguments, {{"0", Int(0)}, {"a", Int(1)}, {"aa", Int(0)}, {"b", Int(2)}}));
    EXPECT_FALSE(Fits(arguments, {{"a", Int(1)}}));
    EXPECT_FALSE(Fits(arguments, {{"a", Int(1)}, {"b", Int(3)}}));
    EXPECT_FALSE(Fits(arguments, {}));
  }
}

TEST(HeadersMatcher, AnyNeedsOneArgument) {
  const Headers arguments = {Match("any"), {"a", Int(1)}, {"b", Int(2)}};
  EXPECT_TRUE(Fits(arguments, {{"a", Int(1)}}));
  EXPECT_TRUE(Fits(arguments, {{"a", Int(0)}, {"b", Int(2)}}));
  EXPECT_FALSE(Fits(arguments, {{"a", Int(2)}, {"b", Int(1)}}));
  EXPECT_FALSE(Fits(arguments, {}));
}

TEST(HeadersMatcher, AllWithoutArgumentsMatchesEverything) {
  for (const Headers& arguments : {Headers{}, Headers{Match("all")}, Headers{Match("all-with-x")},
                                   Headers{{"x-a", Int(1)}}}) {
    EXPECT_TRUE(Fits(arguments, {}));
    EXPECT_TRUE(Fits(arguments, {{"a", Int(1)}}));
  }
}

TEST(HeadersMatcher, AnyWithoutArgumentsMatchesNothing) {
  for (const Headers& arguments : {Headers{Match("any")}, Headers{Match("any-with-x")},
                                   Headers{Match("any"), {"x-a", Int(1)}}}) {
    EXPECT_FALSE(Fits(arguments, {}));
    EXPECT_FALSE(Fits(arguments, {{"a", Int(1)}, {"x-a", Int(1)}, Match("any")}));
  }
}

TEST(HeadersMatcher, ArgumentsThatStartWithXAreSkipped) {
  EXPECT_TRUE(Fits({{"a", Int(1)}, {"x-b", Int(2)}}, {{"a", Int(1)}}));
  EXPECT_FALSE(Fits({Match("any"), {"a", Int(1)}, {"x-b", Int(2)}}, {{"x-b", Int(2)}}));
  // Only the prefix counts.
  EXPECT_FALSE(Fits({{"x", Int(1)}}, {}));
  EXPECT_FALSE(Fits({{"X-a", Int(1)}}, {}));
}

TEST(HeadersMatcher, WithXSkipsTheMatchArgumentOnly) {
  const Headers all = {Match("all-with-x"), {"a", Int(1)}, {"x-b", Int(2)}};
  EXPECT_TRUE(Fits(all, {{"a", Int(1)}, {"x-b", Int(2)}}));
  EXPECT_FALSE(Fits(all, {{"a", Int(1)}}));
  EXPECT_FALSE(Fits(all, {{"a", Int(1)}, {"x-b", Int(3)}}));
  const Headers any = {Match("any-with-x"), {"a", Int(1)}, {"x-b", Int(2)}};
  EXPECT_TRUE(Fits(any, {{"x-b", Int(2)}}));
  EXPECT_FALSE(Fits(any, {Match("any-with-x")}));
}

TEST(HeadersMatcher, EqualityIsStrictAboutTypes) {
  const std::vector<Value> all_different = {
      Text("1"),   Int(1),          Value{1.0},          Value{true},
      Value{Bytes{"1"}}, Value{Timestamp{1}}, Value{Value::List{Int(1)}},
      Value{Headers{{"1", Int(1)}}}, Int(2), Text(""), Value{false}};
  for (size_t i = 0; i < all_different.size(); ++i) {
    for (size_t j = 0; j < all_different.size(); ++j) {
      EXPECT_EQ(Fits({{"a", all_different[i]}}, {{"a", all_different[j]}}), i == j) << i << j;
    }
  }
}

TEST(HeadersMatcher, NotANumberEqualsNothing) {
  const Value nan{std::numeric_limits<double>::quiet_NaN()};
  EXPECT_FALSE(Fits({{"a", nan}}, {{"a", nan}}));
}

TEST(HeadersMatcher, VoidArgumentAsksForPresenceOnly) {
  EXPECT_TRUE(Fits({{"a", kVoid}}, {{"a", Int(1)}}));
  EXPECT_TRUE(Fits({{"a", kVoid}}, {{"a", kVoid}}));
  EXPECT_FALSE(Fits({{"a", kVoid}}, {{"b", Int(1)}}));
}

TEST(HeadersMatcher, VoidHeaderEqualsNoValue) {
  EXPECT_FALSE(Fits({{"a", Int(0)}}, {{"a", kVoid}}));
  EXPECT_FALSE(Fits({{"a", Text("")}}, {{"a", kVoid}}));
}

TEST(HeadersMatcher, KeysAreIgnored) {
  Bound bound(storage::ExchangeType::kHeaders);
  EXPECT_TRUE(bound.Check("#.#.#").ok());
  bound.Add("a", {{"h", Int(1)}});
  EXPECT_THAT(bound.Match("b", {{"h", Int(1)}}), ElementsAre(1));
  EXPECT_THAT(bound.Match("a"), IsEmpty());
}

TEST(HeadersMatcher, RemovedBindingMatchesNoMore) {
  Bound bound(storage::ExchangeType::kHeaders);
  bound.Add("", {{"h", Int(1)}});
  bound.Add("", {{"h", Int(1)}});
  bound.Remove(1);
  EXPECT_THAT(bound.Match("", {{"h", Int(1)}}), ElementsAre(2));
}

TEST(HeadersMatcher, UnknownMatchIsRefusedWithAReason) {
  const Bound bound(storage::ExchangeType::kHeaders);
  for (const Value& match : {Text("ALL"), Text(""), Text("none"), Text("all "), Int(1), kVoid,
                             Value{true}, Value{Bytes{"all"}}}) {
    const absl::Status status = bound.Check("", {{"match", match}});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(ErrorInfoOf(status).reason, "ARGUMENT_INVALID");
    EXPECT_EQ(ErrorInfoOf(status).metadata["name"], "logs");
    EXPECT_THAT(status.ToString(), HasSubstr("\"all-with-x\""));
  }
}

TEST(HeadersMatcher, RabbitMatchArgumentIsRefusedRatherThanSkipped) {
  const Bound bound(storage::ExchangeType::kHeaders);
  const absl::Status status = bound.Check("", {{"x-match", Text("any")}, {"a", Int(1)}});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ErrorInfoOf(status).reason, "ARGUMENT_INVALID");
  EXPECT_THAT(status.ToString(), HasSubstr("name it \"match\""));
}

TEST(HeadersMatcherProperty, AgreesWithTheDefinition) {
  const char* given = std::getenv("WARREN_SEED");
  const uint64_t seed = given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  SCOPED_TRACE(testing::Message() << "repeat with WARREN_SEED=" << seed);
  std::mt19937_64 random(seed);
  const std::vector<const char*> names = {"a", "b", "match", "n", "x", "x-a", "x-b", "y"};
  const std::vector<Value> values = {kVoid, Int(1), Value{1.0}, Text("1"), Value{true}};
  const std::vector<const char*> modes = {"all", "any", "all-with-x", "any-with-x"};
  const auto random_headers = [&] {
    Headers headers;
    for (const char* name : names) {
      if (random() % 2) headers.push_back({name, values[random() % values.size()]});
    }
    return headers;
  };
  for (int i = 0; i < 20'000; ++i) {
    Headers arguments = random_headers();
    std::erase_if(arguments, [](const Header& header) { return header.name == "match"; });
    const std::string mode = modes[random() % modes.size()];
    if (mode != "all" || random() % 2) arguments.push_back({"match", Value{mode}});
    const Headers headers = random_headers();
    ASSERT_EQ(Fits(arguments, headers), FitsPlainly(arguments, mode, headers)) << "case " << i;
  }
}

}  // namespace
}  // namespace warren::core
