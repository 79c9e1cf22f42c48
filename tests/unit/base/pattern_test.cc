#include "server/base/pattern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace warren {
namespace {

struct Case {
  std::string pattern;
  std::string name;
  bool matches;
};

TEST(Pattern, MatchesAnywhereUnlessAnchored) {
  for (const Case& c : {Case{".*", "anything", true}, Case{".*", "", true}, Case{"", "", true},
                        Case{"", "a", false}, Case{"^$", "a", false}, Case{"^$", "", true},
                        Case{"^orders\\.", "orders.new", true},
                        Case{"^orders\\.", "my.orders.new", false}, Case{"orders", "my-orders-2", true},
                        Case{"^(a|b)$", "b", true}, Case{"^(a|b)$", "bb", false},
                        Case{"^ü.$", "üß", true}}) {
    EXPECT_EQ(Pattern::Make(c.pattern)->Matches(c.name), c.matches) << c.pattern << " " << c.name;
  }
}

TEST(Pattern, WhatIsNoPatternOrTooLargeIsRefused) {
  EXPECT_FALSE(Pattern::Make("(").ok());
  EXPECT_FALSE(Pattern::Make("(?=lookahead)").ok());
  EXPECT_FALSE(Pattern::Make("\\1").ok());
  EXPECT_FALSE(Pattern::Make(std::string(1025, 'a')).ok());
  EXPECT_FALSE(Pattern::Make("((((a{100}){100}){100}){100})").ok());
}

TEST(Pattern, ABombTakesNoTime) {
  const Pattern bomb = *Pattern::Make("^(a+)+$|^(a|aa)+$|^(.*a){20}$");
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(bomb.Matches(std::string(254, 'a') + "!"));
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(2));
}

}  // namespace
}  // namespace warren
