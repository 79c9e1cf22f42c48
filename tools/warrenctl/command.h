// What the commands share: the global options, and how a command line becomes an action.
//
// Each noun has a file that adds its verbs to the parser. A verb that was chosen leaves an action
// behind, which main runs once the whole line was understood.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "google/protobuf/duration.pb.h"
#include "tools/warrenctl/output.h"
#include "tools/warrenctl/values.h"
#include "warren/client/connection.h"

namespace warren::tools {

struct Context {
  std::string address = "127.0.0.1:7171";
  std::string virtual_host = "/";
  OutputFormat format = OutputFormat::kTable;
  // Set by the verb that was chosen.
  std::function<absl::Status(client::Connection&)> action;

  // The verb's own work; `run` gets the connection.
  template <typename Run>
  void OnChosen(CLI::App* verb, Run run) {
    verb->callback([this, run] { action = run; });
  }
};

// An option that takes a duration; `field` is where it goes, called only if it is given.
void AddDuration(CLI::App* verb, const std::string& name, const std::string& help,
                 std::function<google::protobuf::Duration*()> field);

// An option that takes headers, any number of times.
void AddHeaders(CLI::App* verb, const std::string& name, const std::string& help,
                google::protobuf::Map<std::string, v1::HeaderValue>* headers);

void AddQueueCommands(CLI::App& app, Context& context);
void AddExchangeCommands(CLI::App& app, Context& context);
void AddBindingCommands(CLI::App& app, Context& context);
void AddPublishCommand(CLI::App& app, Context& context);
void AddGetCommand(CLI::App& app, Context& context);
void AddConsumeCommand(CLI::App& app, Context& context);

// Parses and runs; returns the exit code.
int RunWarrenctl(int argc, const char* const* argv);

}  // namespace warren::tools
