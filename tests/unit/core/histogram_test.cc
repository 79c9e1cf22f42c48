#include "server/core/histogram.h"

#include "gtest/gtest.h"

namespace warren::core {
namespace {

TEST(Histogram, EachNumberIsCountedAtTheSmallestBoundThatHoldsIt) {
  using Small = Histogram<4>;  // 1, 2, 4, 8
  constexpr struct {
    uint64_t value;
    size_t bucket;
  } kCases[] = {{0, 0}, {1, 0}, {2, 1}, {3, 2}, {4, 2}, {5, 3}, {8, 3}, {9, 4}, {1'000'000, 4},
                {UINT64_MAX / 2, 4}};
  for (const auto& [value, bucket] : kCases) {
    Small histogram;
    histogram.Observe(value);
    for (size_t i = 0; i < Small::kBuckets; ++i) {
      EXPECT_EQ(histogram.counts[i], i == bucket ? 1U : 0U) << value << " in " << i;
    }
    EXPECT_EQ(histogram.sum, value);
    EXPECT_TRUE(bucket == 4 || value <= Small::Bound(bucket)) << value;
    EXPECT_TRUE(bucket == 0 || value > Small::Bound(bucket - 1)) << value;
  }
}

TEST(Histogram, AShiftMovesTheBounds) {
  BytesHistogram bytes;
  EXPECT_EQ(BytesHistogram::Bound(0), 64U);
  EXPECT_EQ(BytesHistogram::Bound(18), uint64_t{16} << 20);
  bytes.Observe(64);
  bytes.Observe(65);
  bytes.Observe(uint64_t{16} << 20);
  bytes.Observe((uint64_t{16} << 20) + 1);
  EXPECT_EQ(bytes.counts[0], 1U);
  EXPECT_EQ(bytes.counts[1], 1U);
  EXPECT_EQ(bytes.counts[18], 1U);
  EXPECT_EQ(bytes.counts[19], 1U);
}

}  // namespace
}  // namespace warren::core
