// Topic patterns, an edge case a test. topic_property_test.cc has the rest of the space.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/base/error.h"
#include "tests/unit/routing/bound.h"

namespace warren::core {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

bool Fits(const std::string& pattern, std::string_view key) {
  Bound bound(storage::ExchangeType::kTopic);
  EXPECT_TRUE(bound.Check(pattern).ok()) << pattern;
  bound.Add(pattern);
  return bound.Match(key).size() == 1;
}

TEST(TopicMatcher, LiteralPatternMatchesItselfOnly) {
  EXPECT_TRUE(Fits("a.b", "a.b"));
  EXPECT_FALSE(Fits("a.b", "a"));
  EXPECT_FALSE(Fits("a.b", "a.b.c"));
  EXPECT_FALSE(Fits("a.b", "a.B"));
  EXPECT_FALSE(Fits("a.b", "b.a"));
}

TEST(TopicMatcher, EmptyKeyHasZeroWords) {
  EXPECT_TRUE(Fits("", ""));
  EXPECT_FALSE(Fits("", "."));
  EXPECT_FALSE(Fits("", "a"));
  EXPECT_FALSE(Fits("*", ""));
  EXPECT_FALSE(Fits(".", ""));
}

TEST(TopicMatcher, DotIsTwoEmptyWords) {
  EXPECT_TRUE(Fits(".", "."));
  EXPECT_TRUE(Fits("*.*", "."));
  EXPECT_FALSE(Fits("*", "."));
  EXPECT_FALSE(Fits(".", ".."));
}

TEST(TopicMatcher, StarIsExactlyOneWord) {
  EXPECT_TRUE(Fits("*", "a"));
  EXPECT_TRUE(Fits("a.*.b", "a.x.b"));
  EXPECT_FALSE(Fits("*", "a.b"));
  EXPECT_FALSE(Fits("a.*.b", "a.b"));
  EXPECT_FALSE(Fits("a.*.b", "a.x.y.b"));
}

TEST(TopicMatcher, StarMatchesAnEmptyWord) {
  EXPECT_TRUE(Fits("a.*.b", "a..b"));
  EXPECT_TRUE(Fits("a.*", "a."));
  EXPECT_TRUE(Fits("*.a", ".a"));
}

TEST(TopicMatcher, HashMatchesEverything) {
  for (const auto* key : {"", ".", "a", "a.b", "..a..", "#", "*"}) EXPECT_TRUE(Fits("#", key));
}

TEST(TopicMatcher, HashIsZeroOrMoreWords) {
  EXPECT_TRUE(Fits("a.#", "a"));
  EXPECT_TRUE(Fits("a.#", "a.b.c"));
  EXPECT_TRUE(Fits("a.#", "a."));
  EXPECT_FALSE(Fits("a.#", ""));
  EXPECT_FALSE(Fits("a.#", "b.a"));
  EXPECT_FALSE(Fits("a.#", "ab"));
  EXPECT_TRUE(Fits("#.a", "a"));
  EXPECT_TRUE(Fits("#.a", ".a"));
  EXPECT_TRUE(Fits("#.a", "b.c.a"));
  EXPECT_FALSE(Fits("#.a", "a.b"));
  EXPECT_TRUE(Fits("a.#.b", "a.b"));
  EXPECT_TRUE(Fits("a.#.b", "a.x.y.b"));
  EXPECT_FALSE(Fits("a.#.b", "a.b.c"));
}

TEST(TopicMatcher, OneWordDoesNotServeBothSidesOfAHash) {
  EXPECT_FALSE(Fits("a.#.a", "a"));
  EXPECT_TRUE(Fits("a.#.a", "a.a"));
  EXPECT_FALSE(Fits("a.b.#.b.c", "a.b.c"));
}

TEST(TopicMatcher, HashWithStarIsOneWordOrMore) {
  for (const auto* pattern : {"#.*", "*.#"}) {
    EXPECT_FALSE(Fits(pattern, ""));
    EXPECT_TRUE(Fits(pattern, "a"));
    EXPECT_TRUE(Fits(pattern, "."));
    EXPECT_TRUE(Fits(pattern, "a.b.c"));
  }
}

TEST(TopicMatcher, LeadingDotAsksForAnEmptyFirstWord) {
  EXPECT_TRUE(Fits(".#", ".0.a"));
  EXPECT_TRUE(Fits(".#", "."));
  EXPECT_FALSE(Fits(".#", ""));
  EXPECT_FALSE(Fits(".#", "a.b"));
  EXPECT_FALSE(Fits(".*", ".0.a"));
  EXPECT_TRUE(Fits(".*", ".a"));
}

TEST(TopicMatcher, WildcardsCountAsWholeWordsOnly) {
  EXPECT_TRUE(Fits("a*", "a*"));
  EXPECT_FALSE(Fits("a*", "ab"));
  EXPECT_TRUE(Fits("a#", "a#"));
  EXPECT_FALSE(Fits("a#", "a"));
  EXPECT_TRUE(Fits("##.**", "##.**"));
  EXPECT_FALSE(Fits("**", "a"));
}

TEST(TopicMatcher, WildcardsInARoutingKeyArePlainWords) {
  EXPECT_TRUE(Fits("*", "#"));
  EXPECT_FALSE(Fits("a", "*"));
  EXPECT_FALSE(Fits("a.b", "a.#"));
}

TEST(TopicMatcher, TwoHashesFindTheirMiddleAnywhere) {
  EXPECT_TRUE(Fits("#.a.#", "a"));
  EXPECT_TRUE(Fits("#.a.#", "x.a.y"));
  EXPECT_FALSE(Fits("#.a.#", ""));
  EXPECT_FALSE(Fits("#.a.#", "x.y"));
  EXPECT_TRUE(Fits("#.#", ""));
  EXPECT_TRUE(Fits("#.#", "a.b"));
  EXPECT_TRUE(Fits("x.#.a.b.#.y", "x.a.a.b.y"));
  EXPECT_FALSE(Fits("x.#.a.b.#.y", "x.a.y.b.y"));
  EXPECT_FALSE(Fits("x.#.a.#.y", "x.y.a"));
  EXPECT_FALSE(Fits("a.#.a.#.a", "a.a"));
  EXPECT_TRUE(Fits("a.#.a.#.a", "a.a.a"));
  EXPECT_TRUE(Fits("#.*.#.a", "b.a"));
  EXPECT_FALSE(Fits("#.*.#.a", "a"));
}

TEST(TopicMatcher, BindingThatMatchesInSeveralWaysIsAnsweredOnce) {
  Bound bound(storage::ExchangeType::kTopic);
  bound.Add("#.a.#");
  bound.Add("#.*.#");
  bound.Add("#.#");
  EXPECT_THAT(bound.Match("a.a.a.a"), ElementsAre(1, 2, 3));
  EXPECT_THAT(bound.Match("a.a.a.a"), ElementsAre(1, 2, 3));
}

TEST(TopicMatcher, BindingsWithOnePatternAllMatch) {
  Bound bound(storage::ExchangeType::kTopic);
  bound.Add("a.*");
  bound.Add("a.*");
  bound.Add("a.b");
  EXPECT_THAT(bound.Match("a.b"), ElementsAre(1, 2, 3));
}

TEST(TopicMatcher, RemovalLeavesPatternsOnTheSamePathAlone) {
  Bound bound(storage::ExchangeType::kTopic);
  for (const auto* pattern : {"a", "a.b", "a.b.c", "a.*.c", "a.#.c", "a.#", "a.#.x.#.c"}) {
    bound.Add(pattern);
  }
  bound.Remove(2);
  bound.Remove(6);
  EXPECT_THAT(bound.Match("a.b"), IsEmpty());
  EXPECT_THAT(bound.Match("a.b.c"), ElementsAre(3, 4, 5));
  bound.Remove(5);
  EXPECT_THAT(bound.Match("a.x.c"), ElementsAre(4, 7));
  bound.Remove(3);
  bound.Remove(4);
  bound.Remove(7);
  EXPECT_THAT(bound.Match("a"), ElementsAre(1));
  EXPECT_THAT(bound.Match("a.b.c"), IsEmpty());
}

TEST(TopicMatcher, ThreeHashesAreRefusedWithAReason) {
  const Bound bound(storage::ExchangeType::kTopic);
  for (const auto* pattern : {"#.#.#", "#.a.#.b.#", "a.#.#.#.b", "#.#.#.#"}) {
    const absl::Status status = bound.Check(pattern);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << pattern;
    EXPECT_EQ(ErrorInfoOf(status).reason, "PATTERN_INVALID");
    EXPECT_EQ(ErrorInfoOf(status).metadata["kind"], "exchange");
    EXPECT_EQ(ErrorInfoOf(status).metadata["name"], "logs");
  }
  EXPECT_THAT(bound.Check("#.a.#.b.#").ToString(), HasSubstr("has 3 words \"#\", at most 2"));
}

TEST(TopicMatcher, LiteralHashesDoNotCountTowardsTheLimit) {
  const Bound bound(storage::ExchangeType::kTopic);
  EXPECT_TRUE(bound.Check("#.a#.##.#b.#").ok());
}

TEST(TopicMatcher, PatternOfTooManyWordsIsRefused) {
  const Bound bound(storage::ExchangeType::kTopic);
  EXPECT_TRUE(bound.Check(std::string(255, '.')).ok());
  const absl::Status status = bound.Check(std::string(256, '.'));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ErrorInfoOf(status).reason, "PATTERN_INVALID");
}

TEST(TopicMatcher, HeadersAndArgumentsAreIgnored) {
  Bound bound(storage::ExchangeType::kTopic);
  EXPECT_TRUE(bound.Check("a", {{"match", storage::Value{int64_t{1}}}}).ok());
  bound.Add("a", {{"h", storage::Value{"x"}}});
  EXPECT_THAT(bound.Match("a"), ElementsAre(1));
}

}  // namespace
}  // namespace warren::core
