// How whole numbers are spread: counted in ranges that double.
//
// Bucket i holds what is at most 2^(kShift + i), and above the bucket before; the last one holds all
// that is larger. Counting is an index out of the number's highest bit and two additions, so it may
// stand on the way of every message. Plain numbers; broker thread only.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace warren::core {

template <size_t kBounds, size_t kShift = 0>
struct Histogram {
  static constexpr size_t kBuckets = kBounds + 1;

  // The largest number that bucket i holds. REQUIRES: i < kBounds.
  static constexpr uint64_t Bound(size_t i) { return uint64_t{1} << (kShift + i); }

  void Observe(uint64_t value) {
    const size_t i = value == 0 ? 0 : static_cast<size_t>(std::bit_width((value - 1) >> kShift));
    ++counts[std::min(i, kBounds)];
    sum += value;
  }

  std::array<uint64_t, kBuckets> counts{};
  uint64_t sum = 0;
};

// Milliseconds: 1 ms to 17 minutes.
using MillisHistogram = Histogram<21>;
// Bytes: 64 B to 16 MiB.
using BytesHistogram = Histogram<19, 6>;

}  // namespace warren::core
