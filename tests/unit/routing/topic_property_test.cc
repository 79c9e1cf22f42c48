// Goal: the trie answers what the definition of patterns says, through any history of bindings.
// Method: random patterns and keys from so few words that most of them meet; bindings come and go;
// each answer is compared with a matcher that is the definition written down.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/routing/bound.h"
#include "tests/unit/routing/definition.h"

namespace warren::core {
namespace {

std::string RandomKey(std::mt19937_64& random, const Words& alphabet, size_t max_words) {
  std::string key;
  const size_t words = random() % (max_words + 1);
  for (size_t i = 0; i < words; ++i) {
    if (i > 0) key += '.';
    key += alphabet[random() % alphabet.size()];
  }
  return key;
}

uint64_t Seed() {
  const char* given = std::getenv("WARREN_SEED");
  return given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

TEST(TopicMatcherProperty, AgreesWithTheDefinitionWhileBindingsComeAndGo) {
  const uint64_t seed = Seed();
  SCOPED_TRACE(testing::Message() << "repeat with WARREN_SEED=" << seed);
  std::mt19937_64 random(seed);
  const Words pattern_words = {"a", "b", "", "*", "#", "a*"};
  const Words key_words = {"a", "b", "", "*", "a*"};

  for (int round = 0; round < 20; ++round) {
    Bound bound(storage::ExchangeType::kTopic);
    const size_t crowd = 1 + random() % 60;
    for (int step = 0; step < 300; ++step) {
      if (bound.bindings().size() >= crowd) {
        bound.Remove(std::next(bound.bindings().begin(), random() % crowd)->first);
      }
      const std::string pattern = RandomKey(random, pattern_words, 6);
      const bool allowed = IsAllowedPattern(pattern);
      ASSERT_EQ(bound.Check(pattern).ok(), allowed) << pattern;
      if (allowed) bound.Add(pattern, {}, step % 2 ? 0 : 1'000'000 - 300 * round - step);

      const std::string key = RandomKey(random, key_words, 7);
      ASSERT_EQ(bound.Match(key), bound.MatchIf([&key](const Binding& binding) {
        return FitsPlainly(binding.key, key);
      })) << "key \"" << key << "\"";
    }
  }
}

}  // namespace
}  // namespace warren::core
