// warrenctl exchange declare | delete
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "tools/warrenctl/command.h"

namespace warren::tools {
namespace {

using Json = nlohmann::ordered_json;

void AddDeclare(CLI::App* exchange, Context& context) {
  CLI::App* verb =
      exchange->add_subcommand("declare", "Create an exchange, or check that it is there");
  auto request = std::make_shared<v1::DeclareExchangeRequest>();
  v1::ExchangeOptions* options = request->mutable_options();
  verb->add_option("NAME", *request->mutable_name(), "Its name")->required();
  static const std::map<std::string, int> kTypes = {{"direct", v1::EXCHANGE_TYPE_DIRECT},
                                                    {"fanout", v1::EXCHANGE_TYPE_FANOUT},
                                                    {"topic", v1::EXCHANGE_TYPE_TOPIC},
                                                    {"headers", v1::EXCHANGE_TYPE_HEADERS}};
  CLI::Option* type =
      verb->add_option_function<int>(
              "--type",
              [options](int value) { options->set_type(static_cast<v1::ExchangeType>(value)); },
              "direct, fanout, topic or headers")
          ->transform(CLI::CheckedTransformer(kTypes).description(""))
          ->type_name("TYPE");
  CLI::Option* passive = verb->add_flag_callback(
      "--passive", [request] { request->set_passive(true); }, "Only check that it exists");
  verb->add_flag_callback("--durable", [options] { options->set_durable(true); },
                          "Survive a restart");
  verb->add_flag_callback("--auto-delete", [options] { options->set_auto_delete(true); },
                          "Delete it with its last binding as source");
  verb->add_flag_callback("--internal", [options] { options->set_internal(true); },
                          "Take messages from other exchanges only");
  verb->add_option("--alternate-exchange", *options->mutable_alternate_exchange(),
                   "Where messages go that it can route nowhere");
  verb->add_flag_callback("--delayed", [options] { options->set_delayed(true); },
                          "Honour header x-delay");
  AddDuration(verb, "--dedup-window", "Take a message id once within this time",
              [options] { return options->mutable_deduplication_window(); });
  verb->footer("\nExample:\n  warrenctl exchange declare logs --type topic --durable");
  verb->callback([&context, request, type, passive] {
    if (type->empty() && passive->empty()) throw CLI::RequiredError("--type");
    context.action = [&context, request](client::Connection& connection) {
      auto response = connection.DeclareExchange(*request);
      if (!response.ok()) return response.status();
      PrintLine(std::cout, context.format,
                request->passive() ? "exists" : "declared", Json{{"name", request->name()}});
      return absl::OkStatus();
    };
  });
}

void AddDelete(CLI::App* exchange, Context& context) {
  CLI::App* verb = exchange->add_subcommand("delete", "Delete an exchange and its bindings");
  auto request = std::make_shared<v1::DeleteExchangeRequest>();
  verb->add_option("NAME", *request->mutable_name(), "Its name")->required();
  verb->add_flag_callback("--if-unused", [request] { request->set_if_unused(true); },
                          "Refuse if it is the source of a binding");
  context.OnChosen(verb, [&context, request](client::Connection& connection) {
    auto response = connection.DeleteExchange(*request);
    if (!response.ok()) return response.status();
    PrintLine(std::cout, context.format, "deleted", Json{{"name", request->name()}});
    return absl::OkStatus();
  });
}

}  // namespace

void AddExchangeCommands(CLI::App& app, Context& context) {
  CLI::App* exchange = app.add_subcommand("exchange", "Declare, delete exchanges");
  exchange->require_subcommand(1);
  AddDeclare(exchange, context);
  AddDelete(exchange, context);
}

}  // namespace warren::tools
