// Runs told as transcripts: the language of tests/scenarios, so that a failure that was shrunk can
// be kept there as a scenario. Thread-compatible.
#pragma once

#include <string>
#include <vector>

#include "tests/sim/world.h"

namespace warren::sim {

// A command as a transcript has it: a line, then its details, indented. Commands about time, the
// journal and the spill, which transcripts write in other ways, give a line for people.
std::vector<std::string> Tell(const core::Command& command);

// Tells a run, event by event. Traces are left empty: running the scenarios with WARREN_REWRITE=1
// fills them in.
class Narrator {
 public:
  explicit Narrator(const Settings& settings) : settings_(settings) {}

  std::string Begin();
  std::string Tell(const Event& event);

 private:
  const Settings& settings_;
  int64_t now_ms_ = 0;  // none yet
};

}  // namespace warren::sim
