// Numbers that one thread writes and any may read, without a lock or an atomic read-modify-write.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace warren::runtime {

// One number. Add, Subtract and Set from one thread; value from any.
class Cell {
 public:
  void Add(uint64_t n) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void Subtract(uint64_t n) { Set(value() - n); }
  void Set(uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// How often a value fell into each range; the last one is open. Observe from one thread.
template <size_t kBounds>
class HistogramCells {
 public:
  explicit HistogramCells(const std::array<double, kBounds>& bounds) : bounds_(bounds) {}

  // `times` as if called so often.
  void Observe(double value, uint64_t times = 1) {
    size_t i = 0;
    while (i < kBounds && value > bounds_[i]) ++i;
    counts_[i].Add(times);
    sum_micros_.Add(static_cast<uint64_t>(value * 1e6) * times);
  }

  const std::array<double, kBounds>& bounds() const { return bounds_; }
  uint64_t count(size_t i) const { return counts_[i].value(); }
  double sum() const { return static_cast<double>(sum_micros_.value()) / 1e6; }

 private:
  const std::array<double, kBounds> bounds_;
  std::array<Cell, kBounds + 1> counts_;
  Cell sum_micros_;
};

}  // namespace warren::runtime
