#include "tests/sim/shrink.h"

#include <algorithm>
#include <iostream>

#include "tests/sim/run_alone.h"
#include "tests/sim/tell.h"
#include "tests/sim/world.h"

namespace warren::sim {
namespace {

std::string ProblemOf(uint64_t seed, const Plan& plan) {
  return RunAlone([&] {
    World world(seed);
    std::cerr << world.Run(plan);
  });
}

Plan Without(const Plan& plan, size_t begin, size_t end) {
  Plan rest(plan.begin(), plan.begin() + static_cast<std::ptrdiff_t>(begin));
  rest.insert(rest.end(), plan.begin() + static_cast<std::ptrdiff_t>(end), plan.end());
  return rest;
}

// One pass over the plan in pieces of that size. Whether anything could be left out.
bool LeaveOut(uint64_t seed, Plan& plan, size_t piece) {
  bool any = false;
  // From the end: what comes after the failure goes first.
  for (size_t end = plan.size(); end > 0;) {
    const size_t begin = end > piece ? end - piece : 0;
    Plan shorter = Without(plan, begin, end);
    if (!ProblemOf(seed, shorter).empty()) {
      plan = std::move(shorter);
      any = true;
    }
    end = begin;
  }
  return any;
}

// Told while it goes, since a check may end it.
std::string TranscriptOf(uint64_t seed, const Plan& plan) {
  return RunAlone([&] {
    World world(seed);
    Narrator narrator(world.settings());
    std::cerr << narrator.Begin();
    world.OnEvent([&](const Event& event) { std::cerr << narrator.Tell(event) << std::flush; });
    world.Run(plan);
  });
}

}  // namespace

Shrunk Shrink(uint64_t seed, Plan plan) {
  for (size_t piece = std::max<size_t>(1, plan.size() / 2); piece > 1; piece /= 2) {
    LeaveOut(seed, plan, piece);
  }
  while (LeaveOut(seed, plan, 1)) {
  }
  return {.plan = plan,
          .problem = ProblemOf(seed, plan),
          .transcript = TranscriptOf(seed, plan)};
}

}  // namespace warren::sim
