// Counts of durations, exact to 1 %: each power of two is split into 128 equal buckets.
#pragma once

#include <cstdint>
#include <vector>

namespace warren::tools {

// Thread-compatible.
class Histogram {
 public:
  Histogram();

  // In nanoseconds; below 0 counts as 0, above 18 minutes as that.
  void Record(int64_t value_ns);
  void Merge(const Histogram& other);

  uint64_t count() const { return count_; }
  int64_t max_ns() const { return max_ns_; }
  // The smallest recorded value, up to rounding, that at least `quantile` of all values don't
  // exceed; 0 if nothing was recorded. REQUIRES: 0 <= quantile <= 1.
  int64_t Quantile(double quantile) const;

 private:
  std::vector<uint64_t> buckets_;
  uint64_t count_ = 0;
  int64_t max_ns_ = 0;
};

}  // namespace warren::tools
