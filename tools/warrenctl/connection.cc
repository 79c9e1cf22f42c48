// warrenctl connection ls | close, warrenctl consumer ls
#include <iostream>
#include <nlohmann/json.hpp>

#include "tools/warrenctl/listing.h"

namespace warren::tools {
namespace {

using Json = nlohmann::ordered_json;

void AddConnectionList(CLI::App* noun, Context& context) {
  CLI::App* verb = noun->add_subcommand("ls", "List connections with calls or streams open");
  context.OnChosen(verb, [&context](client::Connection& connection) {
    v1::ListConnectionsRequest request;
    request.set_page_size(kPageSize);
    return PrintList(
        context, connection, &client::Admin::Stub::ListConnections, request,
        [](const v1::ListConnectionsResponse& page) { return page.connections(); },
        [](const v1::Connection& item) {
          return Json{{"peer", item.peer()},
                      {"users", Joined(item.users())},
                      {"age", Age(item.since())},
                      {"publishers", item.publishers()},
                      {"consumers", item.consumers()},
                      {"calls", item.calls()}};
        });
  });
}

void AddConnectionClose(CLI::App* noun, Context& context) {
  CLI::App* verb = noun->add_subcommand("close", "End all streams and calls of a connection");
  auto request = std::make_shared<v1::CloseConnectionRequest>();
  verb->add_option("PEER", *request->mutable_peer(), "As `connection ls` shows it")->required();
  verb->add_option("--reason", *request->mutable_reason(), "What its client is told");
  verb->footer("\nWhat it held is delivered to others. Its client hears why, and that it isn't to try again.");
  context.OnChosen(verb, [&context, request](client::Connection& connection) {
    client::Admin admin(connection);
    auto response = admin.Call(&client::Admin::Stub::CloseConnection, *request);
    if (!response.ok()) return response.status();
    PrintLine(std::cout, context.format, "closed", Json{{"peer", request->peer()}});
    return absl::OkStatus();
  });
}

void AddConsumerList(CLI::App* noun, Context& context) {
  CLI::App* verb = noun->add_subcommand("ls", "List consumers and what they hold");
  const auto flags = AddListFlags(verb, false);
  auto request = std::make_shared<v1::ListConsumersRequest>();
  verb->add_option("--queue", *request->mutable_queue(), "Only those of this queue");
  context.OnChosen(verb, [&context, flags, request](client::Connection& connection) {
    request->set_virtual_host(flags->virtual_host(context));
    request->set_page_size(kPageSize);
    return PrintList(
        context, connection, &client::Admin::Stub::ListConsumers, *request,
        [](const v1::ListConsumersResponse& page) { return page.consumers(); },
        [flags](const v1::Consumer& consumer) {
          Json row;
          if (flags->all_virtual_hosts) row["vhost"] = consumer.virtual_host();
          row["queue"] = consumer.queue();
          row["name"] = consumer.name();
          row["peer"] = consumer.peer();
          row["user"] = consumer.user().empty() ? "-" : consumer.user();
          row["unsettled"] = consumer.unsettled_messages();
          row["prefetch"] = consumer.prefetch_messages();
          row["acks"] = consumer.auto_ack() ? "auto" : "manual";
          row["exclusive"] = consumer.exclusive() ? "yes" : "no";
          return row;
        });
  });
}

}  // namespace

void AddConnectionCommands(CLI::App& app, Context& context) {
  CLI::App* connection = app.add_subcommand("connection", "Look at connections, and close them");
  connection->require_subcommand(1);
  AddConnectionList(connection, context);
  AddConnectionClose(connection, context);
  CLI::App* consumer = app.add_subcommand("consumer", "Look at consumers");
  consumer->require_subcommand(1);
  AddConsumerList(consumer, context);
}

}  // namespace warren::tools
