// warrenctl vhost ls | create | rm
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
          return Json{{"name", host.name()},
                      {"queues", host.queues()},
                      {"exchanges", host.exchanges()},
                      {"ready", host.ready_messages()},
                      {"unsettled", host.unsettled_messages()},
                      {"delayed", host.delayed_messages()}};
        });
  });
  AddVerb(noun, context, "create", "Make a virtual host, or leave it as it is", "created",
          &client::Admin::Stub::CreateVirtualHost);
  AddVerb(noun, context, "rm", "Delete a virtual host with all that is in it", "deleted",
          &client::Admin::Stub::DeleteVirtualHost);
}

}  // namespace warren::tools
