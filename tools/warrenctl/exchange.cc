// warrenctl exchange ls | show | declare | rm
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "tools/warrenctl/listing.h"

namespace warren::tools {
namespace {

using Json = nlohmann::ordered_json;

std::string Type(const v1::Exchange& exchange) {
  return EnumWord(*v1::ExchangeType_descriptor()->FindValueByNumber(exchange.options().type()));
}

void AddList(CLI::App* noun, Context& context) {
  CLI::App* verb = noun->add_subcommand("ls", "List exchanges");
  const auto flags = AddListFlags(verb, true);
  context.OnChosen(verb, [&context, flags](client::Connection& connection) {
    v1::ListExchangesRequest request;
    request.set_virtual_host(flags->virtual_host(context));
    request.set_name_pattern(flags->pattern);
    request.set_page_size(kPageSize);
    return PrintList(
        context, connection, &client::Admin::Stub::ListExchanges, request,
        [](const v1::ListExchangesResponse& page) { return page.exchanges(); },
        [flags](const v1::Exchange& exchange) {
          Json row;
          if (flags->all_virtual_hosts) row["vhost"] = exchange.virtual_host();
          row["name"] = exchange.name().empty() ? "(default)" : exchange.name();
          row["type"] = Type(exchange);
          row["bindings"] = exchange.bindings();
          row["durable"] = exchange.options().durable() ? "yes" : "no";
          row["alternate"] = exchange.options().alternate_exchange().empty()
                                 ? "-"
                                 : exchange.options().alternate_exchange();
          row["policy"] = exchange.policy().empty() ? "-" : exchange.policy();
          return row;
        });
  });
}

void AddShow(CLI::App* noun, Context& context) {
  CLI::App* verb = noun->add_subcommand("show", "Show all that is known of an exchange");
  auto name = std::make_shared<std::string>();
  verb->add_option("NAME", *name, "Its name; \"\": the default exchange")->required();
  context.OnChosen(verb, [&context, name](client::Connection& connection) {
    auto found = FindNamed<v1::Exchange>(
        connection, context.virtual_host, *name, &client::Admin::Stub::ListExchanges,
        [](const v1::ListExchangesResponse& page) { return page.exchanges(); });
    if (!found.ok()) return found.status();
    if (!found->has_value()) {
      return client::MakeError(
          absl::StatusCode::kNotFound, "EXCHANGE_NOT_FOUND",
          "no exchange \"" + *name + "\" in virtual host \"" + context.virtual_host + "\"");
    }
    PrintObject(std::cout, context.format, MessageToJson(**found));
    return absl::OkStatus();
  });
}

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
  CLI::App* verb = exchange->add_subcommand("rm", "Delete an exchange and its bindings");
  verb->alias("delete");
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
  CLI::App* exchange = app.add_subcommand("exchange", "List, look into, declare, delete exchanges");
  exchange->require_subcommand(1);
  AddList(exchange, context);
  AddShow(exchange, context);
  AddDeclare(exchange, context);
  AddDelete(exchange, context);
}

}  // namespace warren::tools
