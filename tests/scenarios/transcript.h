// A transcript: a file of commands to a broker and of what must come of each.
//
//   # Why this step is there.
//   publish logs user.error.db disk-full
//     logs user.info.db started
//   ----
//   p 1-2: accepted
//
// A step is comment lines (`#`), a command line, lines of its own that are indented, `----`, the
// trace, and a blank line. (The format is our own; the idea is that of etcd raft's testdata.)
// Value types; thread-compatible.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace warren::scenarios {

struct Step {
  int line = 0;                       // of the command, from 1
  std::vector<std::string> preamble;  // comments and blank lines before it
  std::string command;
  std::vector<std::string> details;  // the indented lines
  std::vector<std::string> trace;
};

struct Transcript {
  std::vector<Step> steps;
  std::vector<std::string> epilogue;  // comments after the last step
};

// INVALID_ARGUMENT with the line number if it isn't one.
absl::StatusOr<Transcript> Parse(const std::string& text);

// The inverse of Parse.
std::string Format(const Transcript& transcript);

}  // namespace warren::scenarios
