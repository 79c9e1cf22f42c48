// The bookkeeping of shelves, their encoding, and what the filter goes by; without a store.
#include "storage/rocksdb/shelves.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "storage/rocksdb/keys.h"
#include "storage/rocksdb/settled_filter.h"
#include "storage/rocksdb/shelf_codec.h"
#include "tests/contract/records.h"

namespace warren::storage {
namespace {

constexpr uint64_t kSweepAfter = 1'000;

ShelfBits BitsOf(std::initializer_list<size_t> places) {
  ShelfBits bits;
  for (const size_t place : places) bits.Add(place);
  return bits;
}

class ShelvesTest : public ::testing::Test {
 protected:
  void Publish(ShelfNumber shelf, size_t count) {
    for (size_t place = 0; place < count; ++place) {
      shelves_.Published({FirstOn(shelf).value + place}, 1);
    }
    shelves_.Committed();
  }
  void Remove(ShelfNumber shelf, size_t first, size_t end) {
    for (size_t place = first; place < end; ++place) {
      shelves_.Removed({FirstOn(shelf).value + place});
    }
    shelves_.Committed();
  }
  void PassBytes(uint64_t bytes) { shelves_.Published({FirstOn(1'000).value}, bytes); }

  Shelves shelves_{kSweepAfter};
};

TEST(ShelfBits, NextFromFindsEachPlaceAndTheEnd) {
  const ShelfBits bits = BitsOf({0, 63, 64, 500, kShelfIds - 1});
  std::vector<size_t> found;
  for (size_t place = bits.NextFrom(0); place < kShelfIds; place = bits.NextFrom(place + 1)) {
    found.push_back(place);
  }
  EXPECT_EQ(found, (std::vector<size_t>{0, 63, 64, 500, kShelfIds - 1}));
  EXPECT_EQ(ShelfBits().NextFrom(0), kShelfIds);
  EXPECT_EQ(bits.Count(), 5u);
}

TEST_F(ShelvesTest, RandomHistoryEqualsASetOfIds) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(SeedTrace(seed));
  Random random(seed);
  std::set<uint64_t> live;
  uint64_t next = 1;
  for (int i = 0; i < 20'000; ++i) {
    if (random() % 2 == 0) {
      next += 1 + (random() % 50 == 0 ? random() % 3'000 : 0);
      shelves_.Published({next}, 10);
      live.insert(next);
    } else {
      const uint64_t id = 1 + random() % next;  // may not be there
      shelves_.Removed({id});
      live.erase(id);
    }
    if (random() % 10 != 0) continue;
    shelves_.Committed();
    for (const Shelves::Sweep& sweep : shelves_.TakeSweeps()) {
      for (const uint64_t id : live) {
        ASSERT_FALSE(ShelfOf({id}) == sweep.shelf && sweep.waste.Has(PlaceOf({id}))) << id;
      }
    }
    for (const ShelfRange& range : shelves_.TakeEmpty()) {
      const auto first = live.lower_bound(FirstOn(range.first).value);
      ASSERT_TRUE(first == live.end() || *first >= FirstOn(range.end).value) << *first;
      ASSERT_LE(range.end, ShelfOf({next})) << "something may still be published there";
    }
  }
  EXPECT_EQ(shelves_.live_messages(), live.size());
  for (uint64_t id = 0; id <= next; ++id) {
    ASSERT_EQ(shelves_.IsLive({id}), live.count(id) > 0) << id;
  }
}

TEST_F(ShelvesTest, EachChangeIsToldOnceUntilItIsDurable) {
  shelves_.Published({1}, 1);
  shelves_.Published({2}, 1);
  shelves_.Removed({1});
  shelves_.Removed({77});  // not there: no change
  EXPECT_EQ(shelves_.changed(), (std::vector<ShelfNumber>{0}));
  EXPECT_EQ(shelves_.LiveOn(0), BitsOf({2}));
  shelves_.Committed();
  EXPECT_TRUE(shelves_.changed().empty());
}

TEST_F(ShelvesTest, EmptyShelvesJoinToRangesBelowTheNewest) {
  for (ShelfNumber shelf = 0; shelf < 6; ++shelf) Publish(shelf, kShelfIds);
  Remove(0, 0, kShelfIds);
  Remove(2, 0, kShelfIds - 1);
  Remove(3, 0, kShelfIds);
  Remove(4, 0, kShelfIds);
  Remove(5, 0, kShelfIds);  // the newest: more may come
  EXPECT_EQ(shelves_.TakeEmpty(), (std::vector<ShelfRange>{{0, 1}, {3, 5}}));
  EXPECT_TRUE(shelves_.TakeEmpty().empty());
  Publish(9, 1);
  EXPECT_EQ(shelves_.TakeEmpty(), (std::vector<ShelfRange>{{3, 9}}));
}

TEST_F(ShelvesTest, AShelfThatIsMostlyOverIsSweptOnceItIsRipe) {
  Publish(0, 100);
  Publish(1, 1);
  Remove(0, 0, 74);
  PassBytes(10 * kSweepAfter);
  EXPECT_TRUE(shelves_.TakeSweeps().empty()) << "more than a fourth of it is live";
  Remove(0, 74, 75);
  EXPECT_TRUE(shelves_.TakeSweeps().empty()) << "what is left may be over in a moment";
  PassBytes(kSweepAfter);
  const std::vector<Shelves::Sweep> sweeps = shelves_.TakeSweeps();
  ASSERT_EQ(sweeps.size(), 1u);
  EXPECT_EQ(sweeps[0].shelf, 0u);
  EXPECT_EQ(sweeps[0].waste.Count(), 75u);
  PassBytes(10 * kSweepAfter);
  EXPECT_TRUE(shelves_.TakeSweeps().empty()) << "there is nothing to sweep any more";
}

TEST_F(ShelvesTest, AShelfThatGotEmptyMeanwhileIsNotSwept) {
  Publish(0, 100);
  Publish(1, 1);
  Remove(0, 0, 99);
  Remove(0, 99, 100);
  PassBytes(10 * kSweepAfter);
  EXPECT_TRUE(shelves_.TakeSweeps().empty());
}

TEST_F(ShelvesTest, WasteThatIsFoundAtTheStartIsSwept) {
  shelves_.Restore(3, BitsOf({5}));
  for (uint64_t place = 10; place < 20; ++place) {
    shelves_.RestoreWaste({FirstOn(3).value + place});
  }
  shelves_.RestoreWaste({FirstOn(1).value});  // its shelf is empty
  PassBytes(10 * kSweepAfter);
  ASSERT_EQ(shelves_.TakeSweeps().size(), 1u);
  EXPECT_EQ(shelves_.TakeEmpty(), (std::vector<ShelfRange>{{0, 3}}));
}

TEST(ShelfCodec, ComesBackAndDamageShows) {
  const ShelfBits live = BitsOf({0, 7, 8, 512, kShelfIds - 1});
  const std::string value = EncodeShelf(live).value();
  ASSERT_TRUE(DecodeShelf(value).ok());
  EXPECT_EQ(*DecodeShelf(value), live);
  for (size_t at = 0; at < value.size(); ++at) {
    std::string damaged = value;
    damaged[at] ^= 1;
    EXPECT_EQ(DecodeShelf(damaged).status().code(), absl::StatusCode::kDataLoss) << at;
    EXPECT_FALSE(DecodeShelf(value.substr(0, at)).ok()) << at;
  }
  EXPECT_FALSE(DecodeShelf(value + "x").ok());
  EXPECT_FALSE(DecodeShelf(EncodeShelf({}).value()).ok()) << "an empty shelf is never stored";
}

using Decision = rocksdb::CompactionFilter::Decision;
using ValueType = rocksdb::CompactionFilter::ValueType;

class SettledFilterTest : public ::testing::Test {
 protected:
  Decision Of(uint64_t id, std::string& skip_until, ValueType type = ValueType::kValue) {
    std::string unused;
    return factory_.CreateCompactionFilter({})->FilterV2(0, MessageKey({id}), type, "", &unused,
                                                         &skip_until);
  }

  const std::shared_ptr<KeptMessages> kept_ = std::make_shared<KeptMessages>();
  SettledFilterFactory factory_{kept_};
};

TEST_F(SettledFilterTest, KeepsAllUntilItIsToldOfAll) {
  EXPECT_EQ(factory_.CreateCompactionFilter({}), nullptr);
  EXPECT_FALSE(
      factory_.ShouldFilterTableFileCreation(rocksdb::TableFileCreationReason::kRecovery));
}

TEST_F(SettledFilterTest, LeavesOutWhatIsNotKept) {
  kept_->Set(1, BitsOf({3, 5, 500}));
  kept_->Set(4, BitsOf({9}));
  kept_->Complete();
  const uint64_t first = FirstOn(1).value;
  std::string until;
  EXPECT_EQ(Of(first + 3, until), Decision::kKeep);
  EXPECT_EQ(Of(first + 4, until), Decision::kRemove);
  EXPECT_EQ(Of(first + 6, until), Decision::kRemoveAndSkipUntil);
  EXPECT_EQ(until, MessageKey({first + 500}));
  EXPECT_EQ(Of(first + 6, until, ValueType::kMergeOperand), Decision::kRemove);
  EXPECT_EQ(Of(first + 501, until), Decision::kRemoveAndSkipUntil);
  EXPECT_EQ(until, MessageKey(FirstOn(4)));
  EXPECT_EQ(Of(FirstOn(9).value, until), Decision::kRemoveAndSkipUntil);
  EXPECT_EQ(until, MessageKey(FirstOn(10))) << "no further: what comes may be kept";
}

TEST_F(SettledFilterTest, WhatIsAddedStaysUntilItIsSet) {
  kept_->Set(0, BitsOf({1}));
  kept_->Complete();
  kept_->Add(0, BitsOf({2}));
  std::string until;
  EXPECT_EQ(Of(1, until), Decision::kKeep);
  EXPECT_EQ(Of(2, until), Decision::kKeep);
  kept_->Set(0, BitsOf({2}));
  EXPECT_NE(Of(1, until), Decision::kKeep);
  kept_->Set(0, {});
  EXPECT_NE(Of(2, until), Decision::kKeep);
}

}  // namespace
}  // namespace warren::storage
