// The patterns are put to the matcher that the broker uses: what should match does, all else doesn't.
#include "tools/bench/topology.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "server/core/routing/matcher.h"

namespace warren::tools {
namespace {

class TopicExchange {
 public:
  void Bind(std::string key) {
    core::Binding& binding = bindings_.emplace_back();
    binding.id = storage::BindingId{bindings_.size()};
    binding.key = std::move(key);
    matcher_->Add(&binding);
  }

  size_t Matches(const std::string& key) {
    std::vector<const core::Binding*> matches;
    matcher_->Match(key, {}, matches);
    return matches.size();
  }

 private:
  std::deque<core::Binding> bindings_;
  std::unique_ptr<core::Matcher> matcher_ = core::MakeMatcher(storage::ExchangeType::kTopic);
};

TEST(Topology, AllMatchingPatternsMatchTheirQueuesMessagesAlone) {
  for (const int matching : {1, 2, 3, 8, 100, kMostMatchingBindings}) {
    TopicExchange exchange;
    for (int i = 0; i < matching; ++i) exchange.Bind(MatchingPattern("bench-1", matching, i));
    EXPECT_EQ(exchange.Matches(TopicKey("bench-1", matching)), static_cast<size_t>(matching));
    EXPECT_EQ(exchange.Matches(TopicKey("bench-10", matching)), 0u);
  }
}

TEST(Topology, OtherPatternsMatchNothing) {
  TopicExchange exchange;
  for (int i = 0; i < 100; ++i) exchange.Bind(OtherPattern("bench-1", i));
  EXPECT_EQ(exchange.Matches(TopicKey("bench-1", 1)), 0u);
  EXPECT_EQ(exchange.Matches(TopicKey("bench-1", kMostMatchingBindings)), 0u);
}

TEST(Topology, PatternsDiffer) {
  std::set<std::string> patterns;
  for (int i = 0; i < 300; ++i) {
    patterns.insert(MatchingPattern("q", 300, i));
    patterns.insert(OtherPattern("q", i));
  }
  EXPECT_EQ(patterns.size(), 600u);
}

}  // namespace
}  // namespace warren::tools
