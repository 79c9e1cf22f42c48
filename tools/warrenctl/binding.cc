// warrenctl binding add | remove
#include <iostream>
#include <nlohmann/json.hpp>

#include "tools/warrenctl/command.h"

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

}  // namespace

void AddBindingCommands(CLI::App& app, Context& context) {
  CLI::App* noun = app.add_subcommand("binding", "Bind queues and exchanges to exchanges");
  noun->require_subcommand(1);
  AddVerb(noun, context, "add", "Add a binding", "bound", &client::Connection::Bind);
  AddVerb(noun, context, "remove", "Remove the binding with the same key and arguments", "removed",
          &client::Connection::Unbind);
}

}  // namespace warren::tools
