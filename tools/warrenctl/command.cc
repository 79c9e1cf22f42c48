#include "tools/warrenctl/command.h"

#include <iostream>
#include <map>
#include <utility>
#include <vector>

#include "tools/login/login_flags.h"
#include "tools/warrenctl/contexts.h"

namespace warren::tools {
namespace {

constexpr char kFooter[] = R"(
A first message:
  warrenctl queue declare hello
  warrenctl publish --key hello "Hello, world"
  warrenctl get hello --ack

Where to begin: `warrenctl status` says how the broker is doing, `warrenctl queue ls` what is queued,
`warrenctl top` what moves.

Exit codes: 0 done; 1 the broker refused; 2 wrong usage; 3 no broker can be reached.
`warrenctl COMMAND --help` explains each command.)";

// In --help, in the order in which a newcomer asks.
void GroupCommands(CLI::App& app) {
  static const std::vector<std::pair<const char*, std::vector<const char*>>> kGroups = {
      {"How is it doing?", {"status", "ping", "top", "check"}},
      {"Messages", {"publish", "get", "consume", "route", "scheduled"}},
      {"What is declared", {"queue", "exchange", "binding", "policy", "definitions"}},
      {"Clients", {"connection", "consumer"}},
      {"Who may do what", {"user", "permission", "vhost"}},
      {"The broker itself", {"config", "log", "drain"}},
      {"This program", {"completion"}},
  };
  for (const auto& [group, names] : kGroups) {
    for (const char* name : names) app.get_subcommand(name)->group(group);
  }
}

}  // namespace

// CLI11 tells of wrong values by exceptions; these are caught where the line is parsed, below.

void AddDuration(CLI::App* verb, const std::string& name, const std::string& help,
                 std::function<google::protobuf::Duration*()> field) {
  verb->add_option_function<std::string>(
          name,
          [name, field = std::move(field)](const std::string& text) {
            auto duration = ParseDuration(text);
            if (!duration.ok()) {
              throw CLI::ValidationError(name, std::string(duration.status().message()));
            }
            *field() = *duration;
          },
          help)
      ->type_name("DURATION");
}

void AddHeaders(CLI::App* verb, const std::string& name, const std::string& help,
                google::protobuf::Map<std::string, v1::HeaderValue>* headers) {
  verb->add_option_function<std::vector<std::string>>(
          name,
          [name, headers](const std::vector<std::string>& texts) {
            for (const std::string& text : texts) {
              auto header = ParseHeader(text);
              if (!header.ok()) {
                throw CLI::ValidationError(name, std::string(header.status().message()));
              }
              (*headers)[header->name] = header->value;
            }
          },
          help)
      ->type_name("NAME[:TYPE]=VALUE")
      ->allow_extra_args(false);
}

int RunWarrenctl(int argc, const char* const* argv) {
  Context context;
  CLI::App app("warrenctl: talk to a Warren message broker", "warrenctl");
  app.require_subcommand(1);
  // Global options may stand after the command, too.
  app.fallthrough();
  app.footer(kFooter);
  app.add_option("--address", context.address, "Broker, host:port")
      ->envname("WARRENCTL_ADDRESS")
      ->capture_default_str();
  app.add_option("--vhost", context.virtual_host, "Virtual host")
      ->envname("WARRENCTL_VHOST")
      ->capture_default_str();
  LoginFlags login;
  login.AddTo(app);
  AddContextFlags(app);
  const std::map<std::string, OutputFormat> formats = {{"table", OutputFormat::kTable},
                                                       {"json", OutputFormat::kJson}};
  app.add_option("-o,--output", context.format, "Output: table or json")
      ->transform(CLI::CheckedTransformer(formats).description(""))
      ->type_name("FORMAT")
      ->default_str("table");
  AddStatusCommands(app, context);
  AddCheckCommands(app, context);
  AddQueueCommands(app, context);
  AddExchangeCommands(app, context);
  AddBindingCommands(app, context);
  AddRouteCommands(app, context);
  AddPublishCommand(app, context);
  AddGetCommand(app, context);
  AddConsumeCommand(app, context);
  AddScheduledCommands(app, context);
  AddConnectionCommands(app, context);
  AddUserCommands(app, context);
  AddVirtualHostCommands(app, context);
  AddPolicyCommands(app, context);
  AddDefinitionsCommands(app, context);
  AddBrokerCommands(app, context);
  AddCompletionCommand(app, context);
  GroupCommands(app);

  if (const absl::Status wrong = ApplyContext(app, argc, argv); !wrong.ok()) {
    PrintError(std::cerr, context.format, wrong);
    return kExitUsage;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }

  if (context.offline_action) {
    const absl::Status done = context.offline_action();
    if (!done.ok()) PrintError(std::cerr, context.format, done);
    return ExitCodeOf(done);
  }
  client::ConnectionOptions options;
  options.address = context.address;
  options.virtual_host = context.virtual_host;
  // Somebody sits and waits.
  options.connect_timeout = std::chrono::seconds(2);
  if (const absl::Status wrong = login.Apply(options); !wrong.ok()) {
    PrintError(std::cerr, context.format, wrong);
    return kExitUsage;
  }
  auto connection = client::Connection::Open(options);
  const absl::Status status =
      connection.ok() ? context.action(**connection) : connection.status();
  if (!status.ok()) PrintError(std::cerr, context.format, status);
  const ExitCode code = ExitCodeOf(status);
  if (code == kExitUnreachable) return context.unreachable_exit_code;
  return code == kExitOk ? context.exit_code.value_or(kExitOk) : code;
}

}  // namespace warren::tools
