// warrenctl definitions export | import | diff
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "tools/warrenctl/listing.h"

namespace warren::tools {
namespace {

using Json = nlohmann::ordered_json;

absl::StatusOr<std::string> ReadAll(const std::string& path) {
  if (path == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  std::ifstream file(path, std::ios::binary);
  if (!file) return WrongArgument("can't read \"" + path + "\"");
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void AddExport(CLI::App* noun, Context& context) {
  CLI::App* verb = noun->add_subcommand("export", "Print all definitions as JSON: no messages");
  auto file = std::make_shared<std::string>("-");
  auto one = std::make_shared<bool>(false);
  verb->add_option("FILE", *file, "Where they go; - is standard output")->capture_default_str();
  verb->add_flag("--only-vhost", *one, "Only those of --vhost, without users");
  verb->footer("\nHashes of passwords are among them. Example:\n  warrenctl definitions export warren.json");
  context.OnChosen(verb, [&context, file, one](client::Connection& connection) {
    v1::ExportDefinitionsRequest request;
    if (*one) request.set_virtual_host(context.virtual_host);
    client::Admin admin(connection);
    auto response = admin.Call(&client::Admin::Stub::ExportDefinitions, request);
    if (!response.ok()) return response.status();
    if (*file == "-") {
      std::cout << response->json() << std::flush;
      return absl::OkStatus();
    }
    std::ofstream out(*file, std::ios::binary);
    out << response->json() << std::flush;
    return out ? absl::OkStatus() : WrongArgument("can't write \"" + *file + "\"");
  });
}

void Print(const Context& context, const v1::ImportDefinitionsResponse& response) {
  if (context.format == OutputFormat::kJson) {
    PrintObject(std::cout, context.format, MessageToJson(response));
    return;
  }
  Json rows = Json::array();
  for (const v1::DefinitionResult& result : response.results()) {
    rows.push_back(
        {{"change", EnumWord(*v1::DefinitionChange_descriptor()->FindValueByNumber(result.change()))},
         {"kind", result.kind()},
         {"vhost", result.virtual_host().empty() ? "-" : result.virtual_host()},
         {"name", result.name()},
         {"detail", result.detail().empty() ? "-" : result.detail()}});
  }
  PrintRows(std::cout, context.format, rows);
  std::cerr << response.unchanged() << " objects are there just so\n";
}

// `import` and `diff` ask for the same, but for `set`, and differ in what makes the exit code 1.
template <typename Set, typename IsBad>
void OnImport(CLI::App* verb, Context& context, Set set, IsBad is_bad) {
  auto file = std::make_shared<std::string>();
  auto into = std::make_shared<bool>(false);
  verb->add_option("FILE", *file, "Warren's form or what RabbitMQ exports; - is standard input")
      ->required();
  verb->add_flag("--into-vhost", *into, "Put what names no virtual host into --vhost");
  context.OnChosen(verb, [&context, file, into, set, is_bad](client::Connection& connection) {
    auto json = ReadAll(*file);
    if (!json.ok()) return json.status();
    v1::ImportDefinitionsRequest request;
    request.set_json(*json);
    if (*into) request.set_virtual_host(context.virtual_host);
    set(request);
    client::Admin admin(connection);
    auto response = admin.Call(&client::Admin::Stub::ImportDefinitions, request);
    if (!response.ok()) return response.status();
    Print(context, *response);
    for (const v1::DefinitionResult& result : response->results()) {
      if (is_bad(result.change())) context.exit_code = kExitRefused;
    }
    return absl::OkStatus();
  });
}

void AddImport(CLI::App* noun, Context& context) {
  CLI::App* verb =
      noun->add_subcommand("import", "Make what a file says and isn't there; deletes nothing");
  verb->footer(
      "\nExit code 1 if something failed or is there with other options.\n"
      "Example:\n  rabbitmqctl export_definitions - | warrenctl definitions import -");
  OnImport(
      verb, context, [](v1::ImportDefinitionsRequest&) {},
      [](v1::DefinitionChange change) {
        return change == v1::DEFINITION_CHANGE_CONFLICT || change == v1::DEFINITION_CHANGE_FAILED;
      });
}

void AddDiff(CLI::App* noun, Context& context) {
  CLI::App* verb =
      noun->add_subcommand("diff", "Show what an import would do, and what is here alone");
  verb->footer("\nExit code 0 if there is no difference but what doesn't apply to Warren, else 1.");
  OnImport(
      verb, context,
      [](v1::ImportDefinitionsRequest& request) {
        request.set_dry_run(true);
        request.set_tell_extra(true);
      },
      [](v1::DefinitionChange change) { return change != v1::DEFINITION_CHANGE_NOT_APPLICABLE; });
}

}  // namespace

void AddDefinitionsCommands(CLI::App& app, Context& context) {
  CLI::App* noun = app.add_subcommand("definitions", "Export, import and compare all that is declared");
  noun->require_subcommand(1);
  AddExport(noun, context);
  AddImport(noun, context);
  AddDiff(noun, context);
}

}  // namespace warren::tools
