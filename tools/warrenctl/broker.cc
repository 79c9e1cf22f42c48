// warrenctl drain, warrenctl config show, warrenctl log set
#include <iostream>
#include <nlohmann/json.hpp>
#include <vector>

#include "tools/warrenctl/listing.h"

namespace warren::tools {
namespace {

using Json = nlohmann::ordered_json;

void AddDrain(CLI::App& app, Context& context) {
  CLI::App* verb = app.add_subcommand("drain", "Have the broker finish what it holds, and stop");
  verb->footer(
      "\nNothing is delivered any more, settlements are still taken; it stops once all is settled, or\n"
      "after drain.timeout, as by SIGTERM. Whatever runs it may start it again.");
  context.OnChosen(verb, [&context](client::Connection& connection) {
    client::Admin admin(connection);
    auto response = admin.Call(&client::Admin::Stub::Drain, v1::DrainRequest());
    if (!response.ok()) return response.status();
    PrintLine(std::cout, context.format, "it drains, and stops then", Json{{"draining", true}});
    return absl::OkStatus();
  });
}

void AddConfig(CLI::App& app, Context& context) {
  CLI::App* noun = app.add_subcommand("config", "Look at the broker's configuration");
  noun->require_subcommand(1);
  CLI::App* verb = noun->add_subcommand("show", "Show each option in effect and where it comes from");
  context.OnChosen(verb, [&context](client::Connection& connection) {
    client::Admin admin(connection);
    auto response = admin.Call(&client::Admin::Stub::GetConfiguration, v1::GetConfigurationRequest());
    if (!response.ok()) return response.status();
    Json rows = Json::array();
    for (const v1::ConfiguredOption& option : response->options()) {
      rows.push_back({{"key", option.key()}, {"value", option.value()}, {"from", option.origin()}});
    }
    PrintRows(std::cout, context.format, rows);
    return absl::OkStatus();
  });
}

void AddLog(CLI::App& app, Context& context) {
  CLI::App* noun = app.add_subcommand("log", "Change what the broker logs");
  noun->require_subcommand(1);
  CLI::App* verb = noun->add_subcommand("set", "Change levels until the next start or SIGHUP");
  auto levels = std::make_shared<std::vector<std::string>>();
  verb->add_option("CATEGORY=LEVEL", *levels,
                   "broker, storage, api, auth, library or all; debug, info, warning or error")
      ->required();
  verb->footer("\nExample:\n  warrenctl log set all=info auth=debug");
  context.OnChosen(verb, [&context, levels](client::Connection& connection) {
    v1::SetLogLevelsRequest request;
    for (const std::string& text : *levels) {
      const size_t equals = text.find('=');
      if (equals == std::string::npos) {
        return WrongArgument("\"" + text + "\": expected CATEGORY=LEVEL");
      }
      (*request.mutable_levels())[text.substr(0, equals)] = text.substr(equals + 1);
    }
    client::Admin admin(connection);
    auto response = admin.Call(&client::Admin::Stub::SetLogLevels, request);
    if (!response.ok()) return response.status();
    Json object = Json::object();
    for (const auto& [category, level] : response->levels()) object[category] = level;
    PrintObject(std::cout, context.format, object);
    return absl::OkStatus();
  });
}

}  // namespace

void AddBrokerCommands(CLI::App& app, Context& context) {
  AddDrain(app, context);
  AddConfig(app, context);
  AddLog(app, context);
}

}  // namespace warren::tools
