// How long to wait before the next attempt to reach the broker.
#pragma once

#include <algorithm>
#include <chrono>
#include <random>

namespace warren::client {

// From 50 ms, doubling, to 1 s; each pause is drawn from its upper half, so that a thousand clients
// don't return as one. Thread-compatible.
class Backoff {
 public:
  std::chrono::milliseconds Next() {
    std::uniform_int_distribution<std::chrono::milliseconds::rep> pause_ms(whole_.count() / 2,
                                                                           whole_.count());
    whole_ = std::min(kLongest, 2 * whole_);
    return std::chrono::milliseconds(pause_ms(random_));
  }

  // The broker has answered.
  void Reset() { whole_ = kFirst; }

 private:
  static constexpr std::chrono::milliseconds kFirst{50};
  static constexpr std::chrono::milliseconds kLongest{1'000};

  std::chrono::milliseconds whole_ = kFirst;
  std::minstd_rand random_{std::random_device()()};
};

}  // namespace warren::client
