#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/routing/bound.h"
#include "tests/unit/routing/type_names.h"

namespace warren::core {
namespace {

using storage::ExchangeType;
using storage::Value;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(DirectMatcher, MatchesTheExactKeyOnly) {
  Bound bound(ExchangeType::kDirect);
  bound.Add("a.b");
  bound.Add("a");
  EXPECT_THAT(bound.Match("a.b"), ElementsAre(1));
  EXPECT_THAT(bound.Match("a"), ElementsAre(2));
  EXPECT_THAT(bound.Match("a.B"), IsEmpty());
  EXPECT_THAT(bound.Match("a.b "), IsEmpty());
  EXPECT_THAT(bound.Match(""), IsEmpty());
}

TEST(DirectMatcher, EmptyKeyIsAKeyLikeAnyOther) {
  Bound bound(ExchangeType::kDirect);
  bound.Add("");
  EXPECT_THAT(bound.Match(""), ElementsAre(1));
  EXPECT_THAT(bound.Match(" "), IsEmpty());
}

TEST(DirectMatcher, WildcardsArePlainText) {
  Bound bound(ExchangeType::kDirect);
  bound.Add("#");
  bound.Add("a.*");
  EXPECT_THAT(bound.Match("a.b"), IsEmpty());
  EXPECT_THAT(bound.Match("a.*"), ElementsAre(2));
}

TEST(DirectMatcher, KeysMayHoldAnyByte) {
  Bound bound(ExchangeType::kDirect);
  bound.Add(std::string("a\0b", 3));
  EXPECT_THAT(bound.Match(std::string_view("a\0b", 3)), ElementsAre(1));
  EXPECT_THAT(bound.Match("a"), IsEmpty());
}

TEST(DirectMatcher, HeadersAndArgumentsAreIgnored) {
  Bound bound(ExchangeType::kDirect);
  EXPECT_TRUE(bound.Check("#.#.#", {{"match", Value{int64_t{1}}}}).ok());
  bound.Add("a", {{"h", Value{"x"}}});
  EXPECT_THAT(bound.Match("a", {{"h", Value{"y"}}}), ElementsAre(1));
}

TEST(DirectMatcher, RemovedBindingMatchesNoMore) {
  Bound bound(ExchangeType::kDirect);
  bound.Add("a");
  bound.Add("a");
  bound.Remove(1);
  EXPECT_THAT(bound.Match("a"), ElementsAre(2));
  bound.Remove(2);
  EXPECT_THAT(bound.Match("a"), IsEmpty());
}

TEST(FanoutMatcher, EveryBindingMatchesWhateverTheKey) {
  Bound bound(ExchangeType::kFanout);
  EXPECT_TRUE(bound.Check("#.#.#", {{"match", Value{int64_t{1}}}}).ok());
  bound.Add("a");
  bound.Add("", {{"h", Value{"x"}}});
  EXPECT_THAT(bound.Match("b"), ElementsAre(1, 2));
  EXPECT_THAT(bound.Match(""), ElementsAre(1, 2));
  bound.Remove(1);
  EXPECT_THAT(bound.Match("b"), ElementsAre(2));
}

TEST(FanoutMatcher, NoBindingsMatchNothing) {
  EXPECT_THAT(Bound(ExchangeType::kFanout).Match("a"), IsEmpty());
}

class EveryMatcher : public ::testing::TestWithParam<ExchangeType> {};

// Recovery may hand bindings back in another order than they were made in.
TEST_P(EveryMatcher, AnswersInOrderOfIdHoweverBindingsCameIn) {
  Bound bound(GetParam());
  for (const uint64_t id : {7, 3, 9, 1, 8}) bound.Add("a", {}, id);
  EXPECT_THAT(bound.Match("a"), ElementsAre(1, 3, 7, 8, 9));
}

TEST_P(EveryMatcher, AppendsToWhatIsThere) {
  Bound bound(GetParam());
  bound.Add("a");
  std::vector<const Binding*> matches;
  bound.matcher().Match("a", {}, matches);
  bound.matcher().Match("a", {}, matches);
  EXPECT_EQ(matches.size(), 2u);
}

TEST_P(EveryMatcher, RemovingAForeignBindingIsAProgrammersMistake) {
  Bound bound(GetParam());
  bound.Add("a");
  Binding stranger{.id = storage::BindingId{99}, .key = "a"};
  EXPECT_DEATH(const_cast<Matcher&>(bound.matcher()).Remove(&stranger), "check failed");
}

INSTANTIATE_TEST_SUITE_P(Types, EveryMatcher,
                         ::testing::Values(ExchangeType::kDirect, ExchangeType::kFanout,
                                           ExchangeType::kTopic, ExchangeType::kHeaders),
                         NameOf);

}  // namespace
}  // namespace warren::core
