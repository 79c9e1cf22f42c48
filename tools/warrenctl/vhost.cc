// warrenctl vhost ls | create | rm | limit
#include <iostream>
#include <nlohmann/json.hpp>

#include "tools/warrenctl/listing.h"

namespace warren::tools {
namespace {

using Json = nlohmann::ordered_json;

// A verb that takes a name and says `done`.
template <typename Request, typename Response>
void AddVerb(CLI::App* noun, Context& context, const char* name, const char* help,
             const std::string& done, client::Admin::Method<Request, Response> method) {
  CLI::App* verb = noun->add_subcommand(name, help);
  auto request = std::make_shared<Request>();
  verb->add_option("NAME", *request->mutable_name(), "Its name")->required();
  context.OnChosen(verb, [&context, request, done, method](client::Connection& connection) {
    client::Admin admin(connection);
    auto response = admin.Call(method, *request);
    if (!response.ok()) return response.status();
    PrintLine(std::cout, context.format, done, Json{{"name", request->name()}});
    return absl::OkStatus();
  });
}

// For the table: nothing where there is no limit.
Json LimitOrNothing(bool has, uint64_t limit) { return has ? Json(limit) : Json(""); }

void AddLimit(CLI::App* noun, Context& context) {
  CLI::App* verb = noun->add_subcommand(
      "limit", "Set the limits of a virtual host; those that aren't given are lifted");
  auto request = std::make_shared<v1::SetVirtualHostLimitsRequest>();
  v1::VirtualHostLimits& limits = *request->mutable_limits();
  verb->add_option("NAME", *request->mutable_virtual_host(), "Its name")->required();
  verb->add_option_function<uint64_t>(
      "--max-queues", [&limits](uint64_t n) { limits.set_max_queues(n); }, "Most queues in it");
  verb->add_option_function<uint64_t>(
      "--max-streams", [&limits](uint64_t n) { limits.set_max_streams(n); },
      "Most streams that publish to it or consume from it");
  verb->add_option_function<uint64_t>(
      "--max-message-bytes", [&limits](uint64_t n) { limits.set_max_message_bytes(n); },
      "Largest body of a message, in bytes");
  context.OnChosen(verb, [&context, request](client::Connection& connection) {
    client::Admin admin(connection);
    auto response = admin.Call(&client::Admin::Stub::SetVirtualHostLimits, *request);
    if (!response.ok()) return response.status();
    PrintLine(std::cout, context.format, "limited", Json{{"name", request->virtual_host()}});
    return absl::OkStatus();
  });
}

}  // namespace

void AddVirtualHostCommands(CLI::App& app, Context& context) {
  CLI::App* noun = app.add_subcommand("vhost", "Manage virtual hosts");
  noun->require_subcommand(1);
  CLI::App* list = noun->add_subcommand("ls", "List virtual hosts that you may enter");
  context.OnChosen(list, [&context](client::Connection& connection) {
    v1::ListVirtualHostsRequest request;
    request.set_page_size(kPageSize);
    return PrintList(
        context, connection, &client::Admin::Stub::ListVirtualHosts, request,
        [](const v1::ListVirtualHostsResponse& page) { return page.virtual_hosts(); },
        [](const v1::VirtualHost& host) {
          const v1::VirtualHostLimits& limits = host.limits();
          return Json{{"name", host.name()},
                      {"queues", host.queues()},
                      {"exchanges", host.exchanges()},
                      {"ready", host.ready_messages()},
                      {"unsettled", host.unsettled_messages()},
                      {"delayed", host.delayed_messages()},
                      {"streams", host.streams()},
                      {"max_queues",
                       LimitOrNothing(limits.has_max_queues(), limits.max_queues())},
                      {"max_streams",
                       LimitOrNothing(limits.has_max_streams(), limits.max_streams())},
                      {"max_message_bytes", LimitOrNothing(limits.has_max_message_bytes(),
                                                           limits.max_message_bytes())}};
        });
  });
  AddVerb(noun, context, "create", "Make a virtual host, or leave it as it is", "created",
          &client::Admin::Stub::CreateVirtualHost);
  AddVerb(noun, context, "rm", "Delete a virtual host with all that is in it", "deleted",
          &client::Admin::Stub::DeleteVirtualHost);
  AddLimit(noun, context);
}

}  // namespace warren::tools
