// Goal: matching allocates nothing, and a topic exchange gives back what its bindings took.
// Method: this binary counts its allocations (allocation_counts.h).
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/support/allocation_counts.h"
#include "tests/unit/routing/bound.h"
#include "tests/unit/routing/type_names.h"

namespace warren::core {
namespace {

using storage::ExchangeType;
using storage::Value;

class Allocation : public ::testing::TestWithParam<ExchangeType> {};

TEST_P(Allocation, MatchNeedsNone) {
  Bound bound(GetParam());
  bound.Add("orders.eu.created", {{"region", Value{"a name too long to be stored in place"}}});
  if (GetParam() == ExchangeType::kTopic) {
    for (const auto* pattern : {"#", "orders.#.created", "#.eu.#", "*.*.*"}) bound.Add(pattern);
  }
  const storage::Headers headers = {{"region", Value{"a name too long to be stored in place"}}};
  std::vector<const Binding*> matches;
  matches.reserve(100);
  const int64_t before = allocations;
  bound.matcher().Match("orders.eu.created", headers, matches);
  EXPECT_EQ(allocations, before);
  EXPECT_FALSE(matches.empty());
}

INSTANTIATE_TEST_SUITE_P(Types, Allocation,
                         ::testing::Values(ExchangeType::kDirect, ExchangeType::kFanout,
                                           ExchangeType::kTopic, ExchangeType::kHeaders),
                         NameOf);

TEST(TopicMatcherMemory, NodesGoWithTheirLastBinding) {
  Bound bound(ExchangeType::kTopic);
  const int64_t before = live_blocks;
  for (int i = 0; i < 500; ++i) {
    bound.Add(absl::StrCat("a.b", i, ".c.*.#.d.", i, ".#.e"));
    bound.Add(absl::StrCat("#.f", i));
    bound.Add(absl::StrCat("*.g", i));
  }
  EXPECT_GT(live_blocks, before + 5'000);
  while (!bound.bindings().empty()) bound.Remove(bound.bindings().begin()->first);
  // The root's own hash table stays.
  EXPECT_LE(live_blocks, before + 1);
}

}  // namespace
}  // namespace warren::core
