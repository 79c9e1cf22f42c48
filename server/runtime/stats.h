// Counters of what the broker did, for whoever scrapes them.
//
// Each cell is written by one thread alone (the loop's, or the journal writer's where it says so)
// and read by any; a write is a plain load, add and store. Counters never shrink.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <tuple>

#include "server/core/broker.h"

namespace warren::runtime {

class Cell {
 public:
  void Add(uint64_t n) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void Set(uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// How often a value fell into each range; the last one is open.
template <size_t kBounds>
class HistogramCells {
 public:
  explicit HistogramCells(const std::array<double, kBounds>& bounds) : bounds_(bounds) {}

  void Observe(double value) {
    size_t i = 0;
    while (i < kBounds && value > bounds_[i]) ++i;
    counts_[i].Add(1);
    sum_nanos_.Add(static_cast<uint64_t>(value * 1e9));
  }

  const std::array<double, kBounds>& bounds() const { return bounds_; }
  uint64_t count(size_t i) const { return counts_[i].value(); }
  double sum() const { return static_cast<double>(sum_nanos_.value()) / 1e9; }

 private:
  const std::array<double, kBounds> bounds_;
  std::array<Cell, kBounds + 1> counts_;
  Cell sum_nanos_;
};

// The broker's own sums, as they were after the last turn. Each number is right; two of them may be
// from different turns.
class UsageCells {
 public:
  void Set(const core::Usage& usage) {
    const auto numbers = std::bit_cast<Numbers>(usage);
    for (size_t i = 0; i < numbers.size(); ++i) cells_[i].Set(numbers[i]);
  }
  core::Usage Get() const {
    Numbers numbers;
    for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = cells_[i].value();
    return std::bit_cast<core::Usage>(numbers);
  }

 private:
  using Numbers = std::array<uint64_t, sizeof(core::Usage) / sizeof(uint64_t)>;
  std::array<Cell, std::tuple_size_v<Numbers>> cells_;
};

struct Stats {
  // By the loop.
  UsageCells usage;
  Cell publishers_held;  // 1 while they are
  Cell hold_reason;      // a HoldReason
  Cell messages_received;
  Cell messages_accepted;
  Cell messages_duplicate;
  Cell messages_unroutable;
  Cell messages_rejected;

  // By the journal writer.
  Cell batches_written;
  Cell bytes_written;  // of bodies
  HistogramCells<14> commit_seconds{{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                     0.05, 0.1, 0.25, 0.5, 1, 5}};

  // Before the first turn.
  Cell recovery_millis;
};

}  // namespace warren::runtime
