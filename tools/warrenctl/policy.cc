// warrenctl policy ls | set | rm
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "tools/warrenctl/listing.h"

namespace warren::tools {
namespace {

using Json = nlohmann::ordered_json;

// What it sets: NAME=VALUE ….
std::string Settings(const v1::Policy& policy) {
  std::string text;
  // Options that aren't set say so by being 0, false or "".
  const Json options = MessageToJson(policy.queue_options());
  for (const auto& [name, value] : options.items()) {
    if (value == 0 || value == false || value == "" || value == "unspecified") continue;
    text += (text.empty() ? "" : " ") + name + "=" +
            (value.is_string() ? value.get<std::string>() : value.dump());
  }
  if (!policy.alternate_exchange().empty()) {
    text += (text.empty() ? "" : " ") + ("alternate_exchange=" + policy.alternate_exchange());
  }
  return text.empty() ? "-" : text;
}

void AddList(CLI::App* noun, Context& context) {
  CLI::App* verb = noun->add_subcommand("ls", "List policies");
  const auto flags = AddListFlags(verb, false);
  context.OnChosen(verb, [&context, flags](client::Connection& connection) {
    v1::ListPoliciesRequest request;
    request.set_virtual_host(flags->virtual_host(context));
    request.set_page_size(kPageSize);
    return PrintList(
        context, connection, &client::Admin::Stub::ListPolicies, request,
        [](const v1::ListPoliciesResponse& page) { return page.policies(); },
        [flags](const v1::Policy& policy) {
          Json row;
          if (flags->all_virtual_hosts) row["vhost"] = policy.virtual_host();
          row["name"] = policy.name();
          row["pattern"] = policy.pattern();
          row["for"] = EnumWord(*v1::PolicyTarget_descriptor()->FindValueByNumber(policy.target()));
          row["priority"] = policy.priority();
          row["sets"] = Settings(policy);
          return row;
        });
  });
}

void AddSet(CLI::App* noun, Context& context) {
  CLI::App* verb = noun->add_subcommand("set", "Set a policy, instead of one of that name");
  auto request = std::make_shared<v1::PutPolicyRequest>();
  v1::Policy* policy = request->mutable_policy();
  v1::QueueOptions* options = policy->mutable_queue_options();
  verb->add_option("NAME", *policy->mutable_name(), "Its name")->required();
  verb->add_option("PATTERN", *policy->mutable_pattern(), "Names of queues and exchanges it is for")
      ->required()
      ->type_name("RE2");
  static const std::map<std::string, int> kTargets = {{"all", v1::POLICY_TARGET_ALL},
                                                      {"queues", v1::POLICY_TARGET_QUEUES},
                                                      {"exchanges", v1::POLICY_TARGET_EXCHANGES}};
  verb->add_option_function<int>(
          "--for",
          [policy](int target) { policy->set_target(static_cast<v1::PolicyTarget>(target)); },
          "all (default), queues or exchanges")
      ->transform(CLI::CheckedTransformer(kTargets).description(""))
      ->type_name("TARGET");
  verb->add_option_function<int32_t>(
      "--priority", [policy](int32_t priority) { policy->set_priority(priority); },
      "Of several that match the highest counts (0)");
  AddPolicyOptions(verb, options);
  verb->add_option("--alternate-exchange", *policy->mutable_alternate_exchange(),
                   "For exchanges: where messages go that one can route nowhere");
  verb->footer(
      "\nIt counts at once. Of limits and times the smaller one counts, the policy's or the\n"
      "declaration's; of everything else the declaration's.\n"
      "Example:\n"
      "  warrenctl policy set short '^orders' --for queues --max-length 10000 --ttl 1h");
  context.OnChosen(verb, [&context, request](client::Connection& connection) {
    request->mutable_policy()->set_virtual_host(context.virtual_host);
    client::Admin admin(connection);
    auto response = admin.Call(&client::Admin::Stub::PutPolicy, *request);
    if (!response.ok()) return response.status();
    PrintLine(std::cout, context.format, "set", Json{{"name", request->policy().name()}});
    return absl::OkStatus();
  });
}

void AddRemove(CLI::App* noun, Context& context) {
  CLI::App* verb = noun->add_subcommand("rm", "Delete a policy; what it set counts no more");
  auto request = std::make_shared<v1::DeletePolicyRequest>();
  verb->add_option("NAME", *request->mutable_name(), "Its name")->required();
  context.OnChosen(verb, [&context, request](client::Connection& connection) {
    request->set_virtual_host(context.virtual_host);
    client::Admin admin(connection);
    auto response = admin.Call(&client::Admin::Stub::DeletePolicy, *request);
    if (!response.ok()) return response.status();
    PrintLine(std::cout, context.format, "deleted", Json{{"name", request->name()}});
    return absl::OkStatus();
  });
}

}  // namespace

void AddPolicyCommands(CLI::App& app, Context& context) {
  CLI::App* noun = app.add_subcommand("policy", "Set options for all queues or exchanges that match");
  noun->require_subcommand(1);
  AddList(noun, context);
  AddSet(noun, context);
  AddRemove(noun, context);
}

}  // namespace warren::tools
