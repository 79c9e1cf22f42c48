// The bookkeeping of segments, without a server.
#include "storage/postgres/segments.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

namespace warren::storage {
namespace {

constexpr uint64_t kBytes = 100;  // of each message here
constexpr uint64_t kNote = 10;
constexpr uint64_t kPerSegment = 10;
constexpr SegmentLimits kLimits{.bytes = kPerSegment * kBytes, .move_bytes = 3 * kBytes};

class SegmentsTest : public ::testing::Test {
 protected:
  SegmentsTest() { DoAll(); }

  void Publish(uint64_t id) {
    segments_.Published({id}, kBytes);
    segments_.Rotate();
  }
  void Publish(uint64_t first, uint64_t last) {
    for (uint64_t id = first; id <= last; ++id) {
      Publish(id);
      DoAll();
    }
  }
  void Remove(uint64_t id) {
    if (const SegmentNumber segment = segments_.Find({id}); segment != 0) {
      segments_.Noted(segment, kNote);
      segments_.Removed({id});
    }
  }

  // Does one task as a store would; the ids that would be moved are those of live_ in the segment.
  void Do(const TidyTask& task) {
    if (const auto* made = std::get_if<MakeSegment>(&task)) return segments_.Made(*made);
    if (const auto* dropped = std::get_if<DropSegment>(&task)) {
      dropped_.push_back(dropped->segment);
      return segments_.Dropped(dropped->segment);
    }
    const auto& move = std::get<MoveMessages>(task);
    uint64_t moved = 0;
    for (uint64_t id = 1; id < 1000 && moved < move.messages; ++id) {
      if (segments_.Find({id}) != move.from) continue;
      segments_.Moved({id}, move.to, kBytes);
      ++moved;
    }
    moved_ += moved;
  }
  void DoAll() {
    for (int i = 0; i < 100; ++i) {
      const std::optional<TidyTask> task = segments_.NextTask();
      if (!task) return;
      Do(*task);
    }
    FAIL() << "tidying doesn't come to an end";
  }

  Segments segments_{kLimits};
  std::vector<SegmentNumber> dropped_;
  uint64_t moved_ = 0;
};

TEST_F(SegmentsTest, FirstSegmentIsMadeFirst) {
  Segments segments(kLimits);
  EXPECT_EQ(segments.current(), 0);
  const std::optional<TidyTask> task = segments.NextTask();
  ASSERT_TRUE(task.has_value());
  EXPECT_EQ(std::get<MakeSegment>(*task).segment, 1);
}

TEST_F(SegmentsTest, NextIsMadeAheadAndTakenWhenTheCurrentIsFull) {
  Publish(1, kPerSegment - 1);
  EXPECT_EQ(segments_.current(), 1);
  Publish(kPerSegment);
  EXPECT_EQ(segments_.current(), 2);
  EXPECT_EQ(segments_.Find({1}), 1);
  Publish(kPerSegment + 1);
  EXPECT_EQ(segments_.Find({kPerSegment + 1}), 2);
}

TEST_F(SegmentsTest, FullSegmentIsUsedUntilTheNextCanBeMade) {
  for (uint64_t id = 1; id <= 3 * kPerSegment; ++id) Publish(id);
  EXPECT_EQ(segments_.current(), 1);
  DoAll();
  segments_.Rotate();
  EXPECT_EQ(segments_.current(), 2);
}

TEST_F(SegmentsTest, DeadSegmentIsDroppedButNotTheCurrentOne) {
  Publish(1, kPerSegment + 2);
  for (uint64_t id = 1; id <= kPerSegment + 2; ++id) Remove(id);
  DoAll();
  EXPECT_EQ(dropped_, std::vector<SegmentNumber>{1});
  EXPECT_EQ(segments_.Find({1}), 0);
}

TEST_F(SegmentsTest, WhatStaysIsMovedAfterAnotherSegmentHasBeenWritten) {
  Publish(1, kPerSegment);
  for (uint64_t id = 3; id <= kPerSegment; ++id) Remove(id);
  DoAll();
  EXPECT_EQ(moved_, 0u) << "what is nearly dead may soon be dead";
  Publish(kPerSegment + 1, 3 * kPerSegment);
  EXPECT_EQ(moved_, 2u);
  EXPECT_EQ(dropped_, std::vector<SegmentNumber>{1});
  EXPECT_GT(segments_.Find({1}), 1);
  EXPECT_EQ(segments_.Find({1}), segments_.Find({2}));
}

TEST_F(SegmentsTest, QueueThatIsServedInOrderMovesNothing) {
  for (uint64_t id = 1; id < 900; ++id) {
    Publish(id, id);
    if (id > 15) Remove(id - 15);
    DoAll();
  }
  EXPECT_EQ(moved_, 0u);
  EXPECT_LE(segments_.size(), 5u);
}

TEST_F(SegmentsTest, MessageThatStaysIsMovedOnceAndHoldsNoSpace) {
  for (uint64_t id = 1; id < 900; ++id) {
    Publish(id, id);
    if (id > 2) Remove(id - 1);
    DoAll();
    ASSERT_LE(segments_.size(), 5u);
  }
  EXPECT_EQ(moved_, 1u);
}

TEST_F(SegmentsTest, MessageThatIsUpdatedForEverHoldsNoSpace) {
  Publish(1);
  for (int i = 0; i < 10'000; ++i) {
    segments_.Noted(segments_.Find({1}), kNote);
    segments_.Rotate();
    DoAll();
    ASSERT_LE(segments_.size(), 5u);
  }
  EXPECT_EQ(segments_.live_messages(), 1u);
}

TEST_F(SegmentsTest, EmptiedSegmentIsDropped) {
  Publish(1, kPerSegment + 1);
  segments_.Emptied(1);
  DoAll();
  EXPECT_EQ(dropped_, std::vector<SegmentNumber>{1});
  EXPECT_EQ(segments_.live_messages(), 1u);
}

TEST_F(SegmentsTest, WritingGoesOnWhereItEnded) {
  Segments segments(kLimits);
  segments.Restore(3, SegmentKind::kPublished, 2000);
  segments.Restore(4, SegmentKind::kKept, 500);
  segments.Restore(5, SegmentKind::kPublished, 300);
  segments.Restore(6, SegmentKind::kPublished, 0);
  segments.RestoreMessage({1}, 4, kBytes);
  segments.RestoreMessage({2}, 5, kBytes);
  segments.Start();
  EXPECT_EQ(segments.current(), 5);
  EXPECT_EQ(std::get<DropSegment>(*segments.NextTask()).segment, 3);
  segments.Dropped(3);
  EXPECT_FALSE(segments.NextTask().has_value()) << "6 is the next, 4 takes what is kept";
}

TEST_F(SegmentsTest, AllPublishedSegmentsMayBeFullAtTheStart) {
  Segments segments(kLimits);
  segments.Restore(1, SegmentKind::kPublished, 2000);
  segments.RestoreMessage({1}, 1, 1900);
  segments.Start();
  EXPECT_EQ(segments.current(), 0);
  EXPECT_EQ(std::get<MakeSegment>(*segments.NextTask()).segment, 2);
}

}  // namespace
}  // namespace warren::storage
