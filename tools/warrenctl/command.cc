#include "tools/warrenctl/command.h"

#include <iostream>
#include <map>
#include <utility>

#include "tools/login/login_flags.h"

namespace warren::tools {
namespace {

constexpr char kFooter[] = R"(
A first message:
  warrenctl queue declare hello
  warrenctl publish --key hello "Hello, world"
  warrenctl get hello --ack

Exit codes: 0 done; 1 the broker refused; 2 wrong usage; 3 no broker can be reached.
`warrenctl COMMAND --help` explains each command.)";

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
  const std::map<std::string, OutputFormat> formats = {{"table", OutputFormat::kTable},
                                                       {"json", OutputFormat::kJson}};
  app.add_option("-o,--output", context.format, "Output: table or json")
      ->transform(CLI::CheckedTransformer(formats).description(""))
      ->type_name("FORMAT")
      ->default_str("table");
  AddQueueCommands(app, context);
  AddExchangeCommands(app, context);
  AddBindingCommands(app, context);
  AddPublishCommand(app, context);
  AddGetCommand(app, context);
  AddConsumeCommand(app, context);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
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
  return ExitCodeOf(status);
}

}  // namespace warren::tools
