// warren-sim: runs the simulator, and makes what it finds short.
//
//   warren-sim --seeds 1-10000        looks for a seed that fails
//   warren-sim --seed 17 --print      shows what happens
//   warren-sim --seed 17              if it fails: a short transcript of it
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>

#include "tests/sim/run_alone.h"
#include "tests/sim/shrink.h"
#include "tests/sim/world.h"

namespace warren::sim {
namespace {

struct Options {
  std::string seeds = "1-1000";
  uint64_t seed = 0;
  size_t actions = 500;
  int jobs = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  bool print = false;
  bool shrink = true;
  std::string transcript;
};

void Print(const Options& options) {
  World world(options.seed);
  world.PrintTrace();
  world.Run(MakePlan(options.seed, options.actions));
}

// The exit status.
int Search(const Options& options) {
  uint64_t first = options.seed;
  uint64_t last = options.seed;
  if (options.seed == 0) {
    const size_t dash = options.seeds.find('-');
    first = std::stoull(options.seeds);
    last = dash == std::string::npos ? first : std::stoull(options.seeds.substr(dash + 1));
  }
  const auto started = std::chrono::steady_clock::now();
  const Failure failure = RunSeeds(first, last, options.actions, options.jobs);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  if (failure.seed == 0) {
    std::cout << "seeds " << first << "-" << last << ": no failure, " << failure.steps
              << " steps in " << seconds << " s\n";
    return 0;
  }
  std::cout << "seed " << failure.seed << " fails after " << seconds << " s: " << failure.problem
            << "again: warren-sim --seed " << failure.seed << " --actions " << options.actions
            << "\n";
  if (!options.shrink) return 1;
  const Shrunk shrunk = Shrink(failure.seed, MakePlan(failure.seed, options.actions));
  std::cout << "shrunk to " << shrunk.plan.size() << " actions: " << shrunk.problem << "\n";
  if (options.transcript.empty()) {
    std::cout << shrunk.transcript;
  } else {
    std::ofstream(options.transcript) << shrunk.transcript;
  }
  return 1;
}

}  // namespace
}  // namespace warren::sim

int main(int argc, char** argv) {
  warren::sim::Options options;
  CLI::App app("Runs the broker's core in simulated worlds; fails if one finds a fault.");
  app.add_option("--seeds", options.seeds, "FIRST-LAST")->capture_default_str();
  app.add_option("--seed", options.seed, "this one alone");
  app.add_option("--actions", options.actions, "of a run; a step or several each")
      ->capture_default_str();
  app.add_option("--jobs", options.jobs, "processes at a time")->capture_default_str();
  app.add_flag("--print", options.print, "print what happens (with --seed)");
  app.add_flag("!--no-shrink", options.shrink, "don't make a failing run short");
  app.add_option("--transcript", options.transcript, "the file to write the short run to");
  CLI11_PARSE(app, argc, argv);
  if (options.print) {
    warren::sim::Print(options);
    return 0;
  }
  return warren::sim::Search(options);
}
