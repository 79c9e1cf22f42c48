#include "tools/bench/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace warren::tools {
namespace {

constexpr int kPrecisionBits = 7;
constexpr uint64_t kSubBuckets = 1 << kPrecisionBits;
constexpr int kLargestBits = 40;
constexpr uint64_t kLargest = (uint64_t{1} << kLargestBits) - 1;

// Values below 2 × kSubBuckets have a bucket each; above, the leading bits choose.
size_t BucketOf(uint64_t value) {
  const int shift = std::max(0, static_cast<int>(std::bit_width(value)) - kPrecisionBits - 1);
  return static_cast<size_t>(shift) * kSubBuckets + (value >> shift);
}

// The largest value that falls into the bucket.
uint64_t TopOf(size_t bucket) {
  if (bucket < 2 * kSubBuckets) return bucket;
  const uint64_t shift = bucket / kSubBuckets - 1;
  return ((bucket - shift * kSubBuckets + 1) << shift) - 1;
}

}  // namespace

Histogram::Histogram() : buckets_(BucketOf(kLargest) + 1, 0) {}

void Histogram::Record(int64_t value_ns) {
  const uint64_t value = std::min(kLargest, static_cast<uint64_t>(std::max<int64_t>(0, value_ns)));
  ++buckets_[BucketOf(value)];
  ++count_;
  max_ns_ = std::max(max_ns_, static_cast<int64_t>(value));
}

void Histogram::Merge(const Histogram& other) {
  for (size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  max_ns_ = std::max(max_ns_, other.max_ns_);
}

int64_t Histogram::Quantile(double quantile) const {
  const auto wanted = static_cast<uint64_t>(std::ceil(quantile * static_cast<double>(count_)));
  uint64_t seen = 0;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen >= wanted && seen > 0) return std::min(max_ns_, static_cast<int64_t>(TopOf(i)));
  }
  return 0;
}

}  // namespace warren::tools
