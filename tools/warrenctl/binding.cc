// warrenctl binding ls | add | rm
#include <iostream>
#include <nlohmann/json.hpp>

#include "tools/warrenctl/listing.h"

namespace warren::tools {
namespace {

using Json = nlohmann::ordered_json;

// What names a binding. Returns where it is put together once the line is parsed.
std::shared_ptr<v1::Binding> AddIdentity(CLI::App* verb) {
  auto binding = std::make_shared<v1::Binding>();
  auto to_exchange = std::make_shared<bool>(false);
  verb->add_option("EXCHANGE", *binding->mutable_source(), "The exchange that messages come from")
      ->required();
  auto destination = std::make_shared<std::string>();
  verb->add_option("QUEUE", *destination, "The queue they go to")->required();
  verb->add_option("--key", *binding->mutable_routing_key(),
                   "Binding key; for a topic exchange a pattern such as *.error.#");
  verb->add_flag("--to-exchange", *to_exchange, "The destination is an exchange, not a queue");
  AddHeaders(verb, "--arg",
             "Header to match, of a headers exchange; match=any|all says how many must",
             binding->mutable_arguments());
  verb->parse_complete_callback([binding, to_exchange, destination] {
    if (*to_exchange) {
      binding->set_exchange(*destination);
    } else {
      binding->set_queue(*destination);
    }
  });
  return binding;
}

template <typename Request, typename Response>
void AddVerb(CLI::App* noun, Context& context, const std::string& name, const std::string& help,
             const std::string& done,
             absl::StatusOr<Response> (client::Connection::*call)(Request)) {
  CLI::App* verb = noun->add_subcommand(name, help);
  const auto binding = AddIdentity(verb);
  verb->footer("\nExample:\n  warrenctl binding " + name + " logs error_logs --key '*.error.*'");
  context.OnChosen(verb, [&context, binding, done, call](client::Connection& connection) {
    Request request;
    *request.mutable_binding() = *binding;
    auto response = (connection.*call)(request);
    if (!response.ok()) return response.status();
    const Json result = {{"source", binding->source()},
                         {binding->has_queue() ? "queue" : "exchange",
                          binding->has_queue() ? binding->queue() : binding->exchange()},
                         {"key", binding->routing_key()}};
    PrintLine(std::cout, context.format, done, result);
    return absl::OkStatus();
  });
}

void AddList(CLI::App* noun, Context& context) {
  CLI::App* verb = noun->add_subcommand("ls", "List bindings");
  const auto flags = AddListFlags(verb, false);
  auto request = std::make_shared<v1::ListBindingsRequest>();
  verb->add_option("--from", *request->mutable_source(), "Only those of this exchange");
  verb->add_option("--to", *request->mutable_destination(), "Only those to this queue or exchange");
  context.OnChosen(verb, [&context, flags, request](client::Connection& connection) {
    request->set_virtual_host(flags->virtual_host(context));
    request->set_page_size(kPageSize);
    return PrintList(
        context, connection, &client::Admin::Stub::ListBindings, *request,
        [](const v1::ListBindingsResponse& page) { return page.bindings(); },
        [flags](const v1::HostBinding& item) {
          const v1::Binding& binding = item.binding();
          Json row;
          if (flags->all_virtual_hosts) row["vhost"] = item.virtual_host();
          row["source"] = binding.source();
          row["kind"] = binding.has_queue() ? "queue" : "exchange";
          row["destination"] = binding.has_queue() ? binding.queue() : binding.exchange();
          row["key"] = binding.routing_key();
          row["arguments"] = ArgumentsText(binding);
          return row;
        });
  });
}

}  // namespace

std::string ArgumentsText(const v1::Binding& binding) {
  std::string text;
  for (const auto& [name, value] : binding.arguments()) {
    text += (text.empty() ? "" : " ") + name + "=" + FormatHeaderValue(value);
  }
  return text.empty() ? "-" : text;
}

void AddBindingCommands(CLI::App& app, Context& context) {
  CLI::App* noun = app.add_subcommand("binding", "Bind queues and exchanges to exchanges");
  noun->require_subcommand(1);
  AddList(noun, context);
  AddVerb(noun, context, "add", "Add a binding", "bound", &client::Connection::Bind);
  AddVerb(noun, context, "rm", "Remove the binding with the same key and arguments", "removed",
          &client::Connection::Unbind);
  noun->get_subcommand("rm")->alias("remove");
}

}  // namespace warren::tools
