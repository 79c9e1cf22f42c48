// A run in a process of its own, so that a failed check ends that alone and is told like any other
// problem. Thread safety: REQUIRES a process with one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "tests/sim/plan.h"

namespace warren::sim {

// What `run` said on standard error, and how its process ended unless it returned.
std::string RunAlone(const std::function<void()>& run);

struct Failure {
  uint64_t seed = 0;  // 0: there was none
  std::string problem;
  uint64_t steps = 0;  // of all runs
};

// Runs the seeds first to last, with plans of `actions` actions each, in `jobs` processes.
// The failure of the lowest seed that failed.
Failure RunSeeds(uint64_t first, uint64_t last, size_t actions, int jobs);

}  // namespace warren::sim
