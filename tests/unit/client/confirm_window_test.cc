#include "clients/cpp/src/confirm_window.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <vector>

namespace warren::client {
namespace {

using Due = std::vector<ConfirmWindow::Due>;

Due Confirm(ConfirmWindow& window, uint64_t first, uint64_t last,
            v1::Outcome outcome = v1::OUTCOME_ACCEPTED) {
  Due due;
  window.Confirm({.first_sequence = first, .last_sequence = last, .outcome = outcome, .error = {}},
                 due);
  return due;
}

ConfirmWindow WindowOf(uint64_t first, int messages) {
  ConfirmWindow window(first);
  for (int i = 0; i < messages; ++i) window.Add(nullptr);
  return window;
}

TEST(ConfirmWindow, HandsOutSequencesFromWhereItBegins) {
  ConfirmWindow window(8);
  EXPECT_EQ(window.Add(nullptr), 8u);
  EXPECT_EQ(window.Add(nullptr), 9u);
  EXPECT_EQ(window.next(), 10u);
  EXPECT_EQ(window.unconfirmed(), 2u);
}

TEST(ConfirmWindow, ARangeIsOneRun) {
  ConfirmWindow window = WindowOf(1, 5);
  const Due due = Confirm(window, 1, 3);
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(due[0].range.first_sequence, 1u);
  EXPECT_EQ(due[0].range.last_sequence, 3u);
  EXPECT_EQ(window.base(), 4u);
  EXPECT_EQ(window.unconfirmed(), 2u);
}

TEST(ConfirmWindow, OutOfOrderConfirmsKeepTheBaseUntilTheGapCloses) {
  ConfirmWindow window = WindowOf(1, 5);
  Confirm(window, 3, 4);
  EXPECT_EQ(window.base(), 1u);
  Confirm(window, 1, 2);
  EXPECT_EQ(window.base(), 5u);
}

TEST(ConfirmWindow, WhatWasConfirmedIsNotConfirmedAgain) {
  ConfirmWindow window = WindowOf(1, 6);
  Confirm(window, 3, 4, v1::OUTCOME_REJECTED);
  const Due due = Confirm(window, 1, 6, v1::OUTCOME_DUPLICATE);
  ASSERT_EQ(due.size(), 2u);
  EXPECT_EQ(due[0].range.last_sequence, 2u);
  EXPECT_EQ(due[1].range.first_sequence, 5u);
  EXPECT_EQ(due[1].range.last_sequence, 6u);
  EXPECT_TRUE(Confirm(window, 1, 6).empty());
}

TEST(ConfirmWindow, IgnoresSequencesThatWereNeverHandedOut) {
  ConfirmWindow window = WindowOf(5, 2);
  EXPECT_TRUE(Confirm(window, 0, 4).empty());
  EXPECT_TRUE(Confirm(window, 7, 9).empty());
  EXPECT_TRUE(Confirm(window, 6, 5).empty());
  EXPECT_EQ(Confirm(window, 0, std::numeric_limits<uint64_t>::max()).size(), 1u);
  EXPECT_EQ(window.unconfirmed(), 0u);
  EXPECT_EQ(window.base(), 7u);
}

TEST(ConfirmWindow, GivesBackTheCallbacksOfARunWithTheirSequences) {
  ConfirmWindow window(1);
  int called = 0;
  window.Add([&](const Confirmation&) { ++called; });
  window.Add(nullptr);
  window.Add([&](const Confirmation&) { ++called; });
  const Due due = Confirm(window, 1, 3);
  ASSERT_EQ(due.size(), 1u);
  EXPECT_THAT(due[0].sequences, ::testing::ElementsAre(1, 3));
  for (const auto& callback : due[0].callbacks) callback(due[0].range);
  EXPECT_EQ(called, 2);
}

}  // namespace
}  // namespace warren::client
