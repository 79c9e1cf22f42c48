// Random workloads over the core that ships, with crashes at any point and a late journal.
//
// WARREN_SIM_SEEDS says how many seeds (default 200), WARREN_SIM_SEED which one alone,
// WARREN_SIM_PRINT=1 prints its trace.
#include <cstdlib>
#include <string>

#include "gtest/gtest.h"
#include "tests/sim/world.h"

namespace warren::sim {
namespace {

constexpr int kSteps = 1'500;

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::stoull(text);
}

void CheckSeed(uint64_t seed) {
  World world(seed);
  world.Run(kSteps);
  for (const std::string& problem : world.problems()) ADD_FAILURE() << problem;
  if (::testing::Test::HasFailure()) {
    std::cout << "repeat with: WARREN_SIM_SEED=" << seed
              << " WARREN_SIM_PRINT=1 warren_sim_test --gtest_filter=Simulation.RandomWorkloads\n";
  }
}

TEST(Simulation, RandomWorkloads) {
  const uint64_t only = FromEnvironment("WARREN_SIM_SEED", 0);
  if (only != 0) return CheckSeed(only);
  const uint64_t seeds = FromEnvironment("WARREN_SIM_SEEDS", 200);
  for (uint64_t seed = 1; seed <= seeds && !HasFailure(); ++seed) CheckSeed(seed);
}

TEST(Simulation, SameSeedSameTrace) {
  World first(7);
  World second(7);
  first.Run(kSteps);
  second.Run(kSteps);
  EXPECT_EQ(first.trace_hash(), second.trace_hash());
}

}  // namespace
}  // namespace warren::sim
