#include "tools/bench/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

namespace warren::tools {
namespace {

TEST(Histogram, IsEmptyAtFirst) {
  EXPECT_EQ(Histogram().count(), 0u);
  EXPECT_EQ(Histogram().Quantile(0.99), 0);
}

TEST(Histogram, QuantilesAreExactToOnePercent) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  Histogram histogram;
  std::vector<int64_t> values;
  std::uniform_real_distribution<double> exponent(0, 36);
  for (int i = 0; i < 10'000; ++i) {
    values.push_back(static_cast<int64_t>(std::exp2(exponent(random))));
    histogram.Record(values.back());
  }
  std::sort(values.begin(), values.end());
  for (const double quantile : {0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto index = static_cast<size_t>(std::ceil(quantile * 10'000)) - 1;
    const auto exact = static_cast<double>(values[index]);
    const auto found = static_cast<double>(histogram.Quantile(quantile));
    EXPECT_GE(found, exact) << quantile;
    EXPECT_LE(found, exact * 1.01 + 1) << quantile;
  }
  EXPECT_EQ(histogram.max_ns(), values.back());
}

TEST(Histogram, KeepsValuesOutOfRangeAtItsEnds) {
  Histogram histogram;
  histogram.Record(-5);
  histogram.Record(INT64_MAX);
  EXPECT_EQ(histogram.count(), 2u);
  EXPECT_EQ(histogram.Quantile(0.5), 0);
  EXPECT_GT(histogram.Quantile(1), int64_t{1'000'000'000'000});
}

TEST(Histogram, MergeIsAsIfAllWereRecordedInOne) {
  Histogram a;
  Histogram b;
  a.Record(10);
  b.Record(1'000);
  b.Record(2'000);
  a.Merge(b);
  EXPECT_EQ(a.count(), 3u);
  EXPECT_EQ(a.Quantile(0.3), 10);
  EXPECT_EQ(a.max_ns(), 2'000);
}

}  // namespace
}  // namespace warren::tools
