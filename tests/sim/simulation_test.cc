// Goal: random workloads over the core that ships, with crashes at any point, keep what clients and
// the reference expect. Method: world.h. A failing seed is made short and told as a transcript.
//
// WARREN_SIM_SEEDS says how many seeds: 10,000 by default, 1,000 in builds that are slow (sanitizers,
// no optimisation).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

#include "tests/sim/run_alone.h"
#include "tests/sim/shrink.h"
#include "tests/sim/world.h"

namespace warren::sim {
namespace {

constexpr size_t kActions = 500;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__OPTIMIZE__)
constexpr uint64_t kSeeds = 1'000;
#else
constexpr uint64_t kSeeds = 10'000;
#endif

uint64_t Seeds() {
  const char* given = std::getenv("WARREN_SIM_SEEDS");
  return given != nullptr ? std::stoull(given) : kSeeds;
}

TEST(Simulation, EverySeedHolds) {
  const int jobs = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  const Failure failure = RunSeeds(1, Seeds(), kActions, jobs);
  std::cout << Seeds() << " seeds, " << failure.steps << " steps\n";
  if (failure.seed == 0) return;
  const Shrunk shrunk = Shrink(failure.seed, MakePlan(failure.seed, kActions));
  FAIL() << "seed " << failure.seed << ": " << failure.problem << "again: warren-sim --seed "
         << failure.seed << "\nshrunk to " << shrunk.plan.size() << " actions: " << shrunk.problem
         << "\n" << shrunk.transcript;
}

TEST(Simulation, TheSameSeedGivesTheSameTrace) {
  for (const uint64_t seed : {7, 8, 9, 10}) {
    World first(seed);
    World second(seed);
    first.Run(MakePlan(seed, kActions));
    second.Run(MakePlan(seed, kActions));
    EXPECT_EQ(first.trace_hash(), second.trace_hash()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace warren::sim
