// Seeded randomness for the simulator: the same on every machine, and cheap to fork, so that each
// concern (clients, clock, journal, …) has a stream of its own and a change of one leaves the
// others as they were. (The generator is SplitMix64, by Steele, Lea and Flood.)
// Value type; thread-compatible.
#pragma once

#include <cstddef>
#include <cstdint>

namespace warren::sim {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t z = state_ += 0x9E3779B97F4A7C15ULL;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }

  // 0 to below − 1. REQUIRES: below > 0.
  uint64_t Below(uint64_t below) { return Next() % below; }
  // first to last.
  int64_t From(int64_t first, int64_t last) {
    return first + static_cast<int64_t>(Below(static_cast<uint64_t>(last - first + 1)));
  }
  bool Chance(uint64_t percent) { return Below(100) < percent; }

  template <typename Container>
  auto& Pick(Container& from) {
    return from[static_cast<size_t>(Below(from.size()))];
  }

  // A stream of its own; `number` tells those of one parent apart.
  static Random Fork(uint64_t seed, uint64_t number) {
    return Random(Random(seed ^ (number * 0xD1B54A32D192ED03ULL)).Next());
  }

 private:
  uint64_t state_;
};

}  // namespace warren::sim
