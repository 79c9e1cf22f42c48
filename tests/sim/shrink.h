// Makes a failing run short: leaves actions out of its plan while it still fails.
// Thread safety: as run_alone.h.
#pragma once

#include <cstdint>
#include <string>

#include "tests/sim/plan.h"

namespace warren::sim {

struct Shrunk {
  Plan plan;
  std::string problem;     // of the short run
  std::string transcript;  // of the short run, in the language of tests/scenarios
};

// By delta debugging (Zeller, Hildebrandt 2002), then one action at a time. Any failure counts, so
// that what remains may be another one than what it began with, and simpler.
// REQUIRES: World(seed).Run(plan) fails.
Shrunk Shrink(uint64_t seed, Plan plan);

}  // namespace warren::sim
