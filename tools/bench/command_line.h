// The command line around a load: flags in, a table or JSON out. The same for every broker under
// load, so that figures can be laid side by side.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tools/bench/target.h"

namespace warren::tools {

struct BenchProgram {
  std::string name;
  std::string description;
  std::string footer;
  // Whether its links publish to Workload::ExchangeName(), and its target declares exchanges; whether
  // its links heed Workload::transaction. What a program doesn't know, it refuses.
  bool knows_exchanges = false;
  bool knows_transactions = false;
  // Adds the flags that say where the broker is.
  std::function<void(CLI::App&)> add_flags;
  // Why flags of its own don't go with the load, if they don't. May be empty.
  std::function<absl::Status(const Workload&)> check;
  // Called when all flags are read and make sense.
  std::function<absl::StatusOr<std::unique_ptr<Target>>()> connect;
  // A failure as the user should read it.
  std::function<std::string(const absl::Status&)> explain;
};

// The exit status: 0 if all went well and every message came through, 1 if not, 2 if the flags
// make no sense, 3 if the broker can't be reached.
int RunBenchProgram(const BenchProgram& program, int argc, char** argv);

}  // namespace warren::tools
