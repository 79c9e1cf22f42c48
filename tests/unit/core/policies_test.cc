#include "server/core/policies.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"

namespace warren::core {
namespace {

using storage::OverflowPolicy;
using storage::Policy;
using storage::PolicyTarget;
using storage::QueueOptions;

std::string NameOf(const PolicyPtr& policy) { return policy == nullptr ? "" : policy->name; }

Policy Named(std::string name, std::string pattern, int32_t priority = 0) {
  return {.virtual_host = "/",
          .name = std::move(name),
          .pattern = std::move(pattern),
          .priority = priority};
}

TEST(Policies, HighestPriorityThenFirstNameCounts) {
  Policies policies;
  // In an order that is neither of priority nor of names.
  for (const Policy& policy : {Named("c", "eu$", 1), Named("any", ".*"), Named("d", "^eu", 9),
                               Named("b", "^orders", 1), Named("low", "", -1)}) {
    ASSERT_TRUE(policies.Put(policy).ok());
  }
  EXPECT_EQ(NameOf(policies.ForQueue("orders.eu")), "b");
  EXPECT_EQ(NameOf(policies.ForQueue("bills.eu")), "c");
  EXPECT_EQ(NameOf(policies.ForQueue("eu.orders")), "d");
  EXPECT_EQ(NameOf(policies.ForQueue("bills")), "any");
  ASSERT_TRUE(policies.Put(Named("b", "^orders", -5)).ok()) << "instead of the other b";
  EXPECT_EQ(NameOf(policies.ForQueue("orders.eu")), "c");
  EXPECT_TRUE(policies.Delete("c"));
  EXPECT_FALSE(policies.Delete("c"));
  EXPECT_EQ(NameOf(policies.ForQueue("orders.eu")), "any");
  EXPECT_TRUE(policies.Delete("any"));
  EXPECT_EQ(NameOf(policies.ForQueue("orders.eu")), "b");
  EXPECT_EQ(NameOf(policies.ForQueue("bills")), "");
}

TEST(Policies, TargetIsMinded) {
  Policies policies;
  Policy queues = Named("a", ".*", 1);
  queues.target = PolicyTarget::kQueues;
  Policy exchanges = Named("b", ".*", 2);
  exchanges.target = PolicyTarget::kExchanges;
  ASSERT_TRUE(policies.Put(queues).ok());
  ASSERT_TRUE(policies.Put(exchanges).ok());
  EXPECT_EQ(NameOf(policies.ForQueue("x")), "a");
  EXPECT_EQ(NameOf(policies.ForExchange("x")), "b");
  EXPECT_EQ(NameOf(policies.ForExchange("")), "") << "the default exchange";
  ASSERT_TRUE(policies.Put(Named("both", "x", 3)).ok());
  EXPECT_EQ(NameOf(policies.ForQueue("x")), "both");
  EXPECT_EQ(NameOf(policies.ForExchange("x")), "both");
}

TEST(Policies, WhatIsNoPatternChangesNothing) {
  Policies policies;
  ASSERT_TRUE(policies.Put(Named("a", "^x", 1)).ok());
  for (const std::string& pattern : {std::string("("), std::string(1'025, 'x'),
                                     std::string("((a{1000}){1000}){1000}")}) {
    const absl::Status status = policies.Put(Named("a", pattern, 2));
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << pattern;
    EXPECT_EQ(ErrorInfoOf(status).reason, "PATTERN_INVALID");
    EXPECT_NE(status.message().find("policy \"a\" in \"/\""), absl::string_view::npos) << status;
  }
  EXPECT_EQ(NameOf(policies.ForQueue("x")), "a");
  EXPECT_EQ(policies.Find("a")->priority, 1);
}

TEST(Policies, ThereIsALimit) {
  Policies policies;
  for (size_t i = 0; i < Policies::kMax; ++i) {
    ASSERT_TRUE(policies.Put(Named(absl::StrCat("p", i), "x")).ok());
  }
  const absl::Status status = policies.Put(Named("more", "x"));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(status.message().find("has 256 policies, which is the limit; delete some"),
            absl::string_view::npos)
      << status;
  EXPECT_TRUE(policies.Put(Named("p0", "y")).ok()) << "one that is there";
  EXPECT_TRUE(policies.Delete("p1"));
  EXPECT_TRUE(policies.Put(Named("more", "x")).ok());
}

QueueOptions Merged(const QueueOptions& declared, const QueueOptions& by_policy) {
  Policy policy = Named("p", ".*");
  policy.queue = by_policy;
  return Merge(declared, policy);
}

TEST(Merge, OfLimitsAndTimesTheSmallerCounts) {
  const QueueOptions low{.expires_ms = 1, .message_ttl_ms = 0, .max_length = 2,
                         .max_length_bytes = 3, .delivery_limit = 4};
  const QueueOptions high{.expires_ms = 11, .message_ttl_ms = 10, .max_length = 12,
                          .max_length_bytes = 13, .delivery_limit = 14};
  const QueueOptions none;
  EXPECT_EQ(Merged(low, high), low);
  EXPECT_EQ(Merged(high, low), low);
  EXPECT_EQ(Merged(none, low), low);
  EXPECT_EQ(Merged(low, none), low);
  EXPECT_EQ(Merged(none, none), none);
}

TEST(Merge, OfEverythingElseTheDeclarationCounts) {
  const QueueOptions one{.overflow = OverflowPolicy::kRejectPublish, .dead_letter_exchange = "",
                         .dead_letter_routing_key = "a"};
  const QueueOptions other{.overflow = OverflowPolicy::kRejectPublishDlx,
                           .dead_letter_exchange = "x", .dead_letter_routing_key = "b"};
  EXPECT_EQ(Merged(one, other), one);
  EXPECT_EQ(Merged(other, one), other);
  EXPECT_EQ(Merged({}, other), other);
  // Each by itself.
  EXPECT_EQ(Merged({.dead_letter_exchange = "y"}, other),
            (QueueOptions{.overflow = OverflowPolicy::kRejectPublishDlx,
                          .dead_letter_exchange = "y",
                          .dead_letter_routing_key = "b"}));
}

TEST(Merge, WhatAPolicyCannotSetStays) {
  const QueueOptions declared{.durable = true, .auto_delete = true, .max_priority = 5,
                              .retry = storage::RetryPolicy{.max_attempts = 3},
                              .deduplication_window_ms = 7};
  EXPECT_EQ(Merged(declared, {}), declared);
}

}  // namespace
}  // namespace warren::core
