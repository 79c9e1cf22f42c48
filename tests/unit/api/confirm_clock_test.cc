#include "server/api/confirm_clock.h"

#include <gtest/gtest.h>

namespace warren::api {
namespace {

core::Confirmed Range(uint64_t first, uint64_t last,
                      core::Outcome outcome = core::Outcome::kAccepted) {
  return {.publisher = {1}, .first_sequence = first, .last_sequence = last, .outcome = outcome};
}

template <size_t kBounds>
uint64_t Count(const runtime::HistogramCells<kBounds>& cells) {
  uint64_t count = 0;
  for (size_t i = 0; i <= kBounds; ++i) count += cells.count(i);
  return count;
}

TEST(ConfirmClock, WhatTheStepItselfConfirmsHasNotWaitedForTheStore) {
  ConfirmClock clock;
  runtime::Stats stats;
  clock.Arrived(1, 10);
  clock.Confirmed(Range(1, 4), stats);
  clock.Stepped();
  clock.Confirmed(Range(5, 10), stats);
  EXPECT_EQ(Count(stats.confirm_at_once_seconds), 4u);
  EXPECT_EQ(Count(stats.confirm_stored_seconds), 6u);
}

TEST(ConfirmClock, ConfirmsMayComeInAnyOrderAndOverSeveralBatches) {
  ConfirmClock clock;
  runtime::Stats stats;
  for (const uint64_t first : {1, 11, 21}) {
    clock.Arrived(first, first + 9);
    clock.Stepped();
  }
  clock.Confirmed(Range(15, 25), stats);
  clock.Confirmed(Range(1, 14), stats);
  clock.Confirmed(Range(26, 30), stats);
  EXPECT_EQ(Count(stats.confirm_stored_seconds), 30u);
}

TEST(ConfirmClock, OnlyAcceptedMessagesAreMeasured) {
  ConfirmClock clock;
  runtime::Stats stats;
  clock.Arrived(1, 3);
  clock.Confirmed(Range(1, 2, core::Outcome::kRejected), stats);
  clock.Confirmed(Range(3, 3), stats);
  EXPECT_EQ(Count(stats.confirm_at_once_seconds), 1u);
}

}  // namespace
}  // namespace warren::api
