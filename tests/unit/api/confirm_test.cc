#include "server/api/convert/confirm.h"

#include <gtest/gtest.h>

namespace warren::api {
namespace {

core::Confirmed Range(uint64_t first, uint64_t last,
                      core::Outcome outcome = core::Outcome::kAccepted) {
  return {.publisher = {1}, .first_sequence = first, .last_sequence = last, .outcome = outcome};
}

TEST(Confirms, NeighboursWithTheSameFateMerge) {
  core::Confirmed last = Range(1, 5);
  EXPECT_TRUE(MergeConfirms(last, Range(6, 6)));
  EXPECT_EQ(last.last_sequence, 6u);
  EXPECT_FALSE(MergeConfirms(last, Range(8, 9))) << "a gap";
  EXPECT_FALSE(MergeConfirms(last, Range(7, 7, core::Outcome::kDuplicate)));
  core::Confirmed rejected = Range(1, 1, core::Outcome::kRejected);
  EXPECT_FALSE(MergeConfirms(rejected, Range(2, 2, core::Outcome::kRejected)))
      << "each has its own error";
}

TEST(Confirms, AreCountedByOutcome) {
  runtime::Stats stats;
  CountConfirmed(Range(1, 10), stats);
  CountConfirmed(Range(11, 12, core::Outcome::kUnroutable), stats);
  EXPECT_EQ(stats.messages_accepted.value(), 10u);
  EXPECT_EQ(stats.messages_unroutable.value(), 2u);
}

TEST(Confirms, ARejectedOneCarriesItsError) {
  core::Confirmed rejected = Range(3, 3, core::Outcome::kRejected);
  rejected.error = absl::NotFoundError("nowhere");
  v1::PublishConfirm proto;
  SetConfirm(rejected, &proto);
  EXPECT_EQ(proto.outcome(), v1::OUTCOME_REJECTED);
  EXPECT_EQ(proto.error().message(), "nowhere");
  v1::PublishResult result;
  SetResult(Range(1, 1), &result);
  EXPECT_EQ(result.outcome(), v1::OUTCOME_ACCEPTED);
  EXPECT_FALSE(result.has_error());
}

}  // namespace
}  // namespace warren::api
