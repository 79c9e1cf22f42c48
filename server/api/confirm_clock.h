// For how long the messages of one publisher wait for their confirms.
//
// Kept by batch: a frame's messages arrived together, and confirms come in runs, so that a message
// costs nothing by itself. Loop thread only.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>

#include "server/core/effect.h"
#include "server/runtime/stats.h"

namespace warren::api {

class ConfirmClock {
 public:
  // Messages first to last have arrived, and are about to be stepped. REQUIRES: sequences grow.
  void Arrived(uint64_t first, uint64_t last);
  // The step that took them is over: what is confirmed from now on has waited for the store.
  void Stepped() { at_once_ = false; }
  // Each message comes once. Counts the accepted ones.
  void Confirmed(const core::Confirmed& confirmed, runtime::Stats& stats);

 private:
  using Clock = std::chrono::steady_clock;

  struct Batch {
    uint64_t first;
    uint64_t last;
    uint64_t open;  // messages without a confirm yet
    Clock::time_point arrived;
  };

  std::deque<Batch> batches_;  // the first one is open
  bool at_once_ = false;
};

}  // namespace warren::api
