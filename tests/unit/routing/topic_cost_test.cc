// Goal: a topic exchange can't be made slow by bindings that don't match, nor by hostile keys.
// Method: measured, with bounds so wide (a scan would break them a hundredfold, a search that goes
// back and forth for ever) that a busy machine doesn't matter.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/unit/routing/bound.h"

namespace warren::core {
namespace {

using Clock = std::chrono::steady_clock;

// The quickest of several runs: what disturbs a run only ever makes it slower.
double QuickestNsPerMatch(const Bound& bound, std::string_view key) {
  constexpr int kMatches = 2'000;
  double quickest = 1e18;
  std::vector<const Binding*> matches;
  for (int run = 0; run < 20; ++run) {
    const Clock::time_point start = Clock::now();
    for (int i = 0; i < kMatches; ++i) {
      matches.clear();
      bound.matcher().Match(key, {}, matches);
    }
    const std::chrono::duration<double, std::nano> taken = Clock::now() - start;
    quickest = std::min(quickest, taken.count() / kMatches);
  }
  EXPECT_EQ(matches.size(), 4u);
  return quickest;
}

double NsPerMatchAmong(int strangers) {
  Bound bound(storage::ExchangeType::kTopic);
  for (const auto* pattern : {"orders.eu.created", "orders.*.created", "#.created", "#.eu.#"}) {
    bound.Add(pattern);
  }
  for (int i = 0; i < strangers / 5; ++i) {
    bound.Add(absl::StrCat("orders.eu.created", i));
    bound.Add(absl::StrCat("orders.region", i, ".*"));
    bound.Add(absl::StrCat("*.*.state", i));
    bound.Add(absl::StrCat("#.state", i));
    bound.Add(absl::StrCat("#.word", i, ".#"));
  }
  return QuickestNsPerMatch(bound, "orders.eu.created");
}

TEST(TopicMatcherCost, DoesNotGrowWithBindingsThatDoNotMatch) {
  const double among_few = NsPerMatchAmong(100);
  const double among_many = NsPerMatchAmong(100'000);
  EXPECT_LT(among_many, 20 * among_few);
}

TEST(TopicMatcherCost, HostileKeysAreMatchedInBoundedTime) {
  Bound bound(storage::ExchangeType::kTopic);
  size_t expected = 0;
  // Middles of all lengths, each of which fits everywhere but at the very end …
  std::string stars;
  for (int i = 0; i < 120; ++i) {
    stars += "*.";
    bound.Add("#." + stars + "x.#");
    bound.Add("#." + stars + "#");
    ++expected;
  }
  // … and all middles of eight words that are empty or a wildcard.
  for (int bits = 0; bits < 256; ++bits) {
    std::string middle;
    for (int bit = 0; bit < 8; ++bit) middle += bits >> bit & 1 ? "*." : ".";
    bound.Add("*.#." + middle + "#.*");
    ++expected;
  }
  const std::string key(255, '.');
  const Clock::time_point start = Clock::now();
  EXPECT_EQ(bound.Match(key).size(), expected);
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(2));
}

TEST(TopicMatcherCost, KeyBeyondAnyLimitIsMatchedToo) {
  Bound bound(storage::ExchangeType::kTopic);
  bound.Add("#");
  bound.Add("#.a.#");
  bound.Add("*.#");
  EXPECT_THAT(bound.Match(std::string(1'000'000, '.')), ::testing::ElementsAre(1, 3));
}

}  // namespace
}  // namespace warren::core
