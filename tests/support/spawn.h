// Child processes for tests.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace warren::testing {

// Descriptors that the child gets as its standard ones; -1: the parent's.
struct SpawnOptions {
  int standard_input = -1;
  int standard_output = -1;
  int standard_error = -1;
};

// Starts command[0] with the rest as arguments. The caller waits for the process.
absl::StatusOr<pid_t> Spawn(const std::vector<std::string>& command, const SpawnOptions& options);

struct CommandResult {
  int exit_code = -1;  // -1 if a signal ended it
  std::string output;
  std::string errors;
};

// Runs a command to its end, with `input` on its standard input.
absl::StatusOr<CommandResult> RunCommand(const std::vector<std::string>& command,
                                         const std::string& input = "");

}  // namespace warren::testing
