// What the commands share: the global options, and how a command line becomes an action.
//
// Each noun has a file that adds its verbs to the parser. A verb that was chosen leaves an action
// behind, which main runs once the whole line was understood.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <optional>
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
  // Set by the verb that was chosen. The one takes a broker, the other doesn't.
  std::function<absl::Status(client::Connection&)> action;
  std::function<absl::Status()> offline_action;
  // Set by actions that have more to say than whether they worked.
  std::optional<int> exit_code;
  // If no broker can be reached.
  int unreachable_exit_code = kExitUnreachable;

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

// Options of a queue that a policy may set, too. `options` outlives the parsing.
void AddPolicyOptions(CLI::App* verb, v1::QueueOptions* options);

void AddStatusCommands(CLI::App& app, Context& context);      // status, ping, top
void AddCheckCommands(CLI::App& app, Context& context);
void AddQueueCommands(CLI::App& app, Context& context);
void AddQueueViews(CLI::App* noun, Context& context);         // of `queue`
void AddExchangeCommands(CLI::App& app, Context& context);
void AddBindingCommands(CLI::App& app, Context& context);
void AddRouteCommands(CLI::App& app, Context& context);
void AddPublishCommand(CLI::App& app, Context& context);
void AddGetCommand(CLI::App& app, Context& context);
void AddConsumeCommand(CLI::App& app, Context& context);
void AddScheduledCommands(CLI::App& app, Context& context);
void AddConnectionCommands(CLI::App& app, Context& context);  // connection, consumer
void AddUserCommands(CLI::App& app, Context& context);        // user, permission
void AddVirtualHostCommands(CLI::App& app, Context& context);
void AddPolicyCommands(CLI::App& app, Context& context);
void AddDefinitionsCommands(CLI::App& app, Context& context);
void AddBrokerCommands(CLI::App& app, Context& context);      // drain, config, log
void AddCompletionCommand(CLI::App& app, Context& context);

// Parses and runs; returns the exit code.
int RunWarrenctl(int argc, const char* const* argv);

}  // namespace warren::tools
