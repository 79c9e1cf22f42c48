// warrenctl route test
#include <iostream>
#include <nlohmann/json.hpp>

#include "tools/warrenctl/listing.h"

namespace warren::tools {
namespace {

using Json = nlohmann::ordered_json;

// exchange -[key]-> exchange -[key]-> queue
std::string Way(const std::string& exchange, const v1::Route& route) {
  std::string way = exchange.empty() ? "(default)" : exchange;
  for (const v1::RouteStep& step : route.steps()) {
    if (step.has_binding()) {
      const v1::Binding& binding = step.binding();
      std::string label = binding.routing_key();
      if (!binding.arguments().empty()) label += (label.empty() ? "" : " ") + ArgumentsText(binding);
      way += " -[" + label + "]-> " + (binding.has_queue() ? binding.queue() : binding.exchange());
    } else {
      way += " -[alternate]-> " + step.alternate_exchange();
    }
  }
  if (route.steps().empty()) way += " -> " + route.queue();
  return way;
}

}  // namespace

void AddRouteCommands(CLI::App& app, Context& context) {
  CLI::App* noun = app.add_subcommand("route", "Find out where messages would go");
  noun->require_subcommand(1);
  CLI::App* verb =
      noun->add_subcommand("test", "Show which queues a message would get to, and why; none is sent");
  auto request = std::make_shared<v1::ExplainRouteRequest>();
  verb->add_option("EXCHANGE", *request->mutable_exchange(), "The exchange; \"\": the default one")
      ->required();
  verb->add_option("--key", *request->mutable_routing_key(), "Routing key");
  AddHeaders(verb, "--header", "Header of the message", request->mutable_headers());
  verb->footer("\nExample:\n  warrenctl route test logs --key db.error.disk --header region=eu");
  context.OnChosen(verb, [&context, request](client::Connection& connection) {
    client::Admin admin(connection);
    request->set_virtual_host(context.virtual_host);
    auto response = admin.Call(&client::Admin::Stub::ExplainRoute, *request);
    if (!response.ok()) return response.status();
    if (context.format == OutputFormat::kJson) {
      PrintObject(std::cout, context.format, MessageToJson(*response));
      return absl::OkStatus();
    }
    Json rows = Json::array();
    for (const v1::Route& route : response->routes()) {
      rows.push_back({{"queue", route.queue()},
                      {"way", Way(request->exchange(), route)},
                      {"refused", route.refusal().empty() ? "no" : route.refusal()}});
    }
    PrintRows(std::cout, context.format, rows);
    if (rows.empty()) std::cout << "no queue: " << response->unroutable() << '\n';
    return absl::OkStatus();
  });
}

}  // namespace warren::tools
