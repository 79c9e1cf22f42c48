// warrenctl queue declare | rm | purge
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "tools/warrenctl/command.h"

namespace warren::tools {
namespace {

using Json = nlohmann::ordered_json;

// All of QueueOptions as flags. `options` outlives the parsing.
void AddOptions(CLI::App* verb, v1::QueueOptions* options) {
  verb->add_flag_callback("--durable", [options] { options->set_durable(true); },
                          "Survive a restart, with persistent messages");
  verb->add_flag_callback("--auto-delete", [options] { options->set_auto_delete(true); },
                          "Delete it when its last consumer leaves");
  AddPolicyOptions(verb, options);
  verb->add_option_function<uint32_t>(
      "--max-priority", [options](uint32_t n) { options->set_max_priority(n); },
      "1 to 255: deliver higher priorities first");
  AddDuration(verb, "--dedup-window", "Take a message id once within this time",
              [options] { return options->mutable_deduplication_window(); });

  const auto retry = [options] { return options->mutable_retry(); };
  verb->add_option_function<uint32_t>(
          "--retry-max-attempts", [retry](uint32_t n) { retry()->set_max_attempts(n); },
          "Deliver so often, with growing pauses, then dead-letter")
      ->group("Retry");
  AddDuration(verb, "--retry-initial-backoff", "Pause after the first attempt (1s)",
              [retry] { return retry()->mutable_initial_backoff(); });
  verb->add_option_function<double>(
      "--retry-multiplier", [retry](double x) { retry()->set_multiplier(x); },
      "Growth of the pause (2)");
  AddDuration(verb, "--retry-max-backoff", "Longest pause (1h)",
              [retry] { return retry()->mutable_max_backoff(); });
  verb->add_option_function<double>(
      "--retry-jitter", [retry](double x) { retry()->set_jitter(x); },
      "Random part of each pause, 0 to 1 (0)");
  for (const char* name : {"--retry-initial-backoff", "--retry-multiplier", "--retry-max-backoff",
                           "--retry-jitter"}) {
    verb->get_option(name)->needs("--retry-max-attempts")->group("Retry");
  }
}

void AddDeclare(CLI::App* queue, Context& context) {
  CLI::App* verb = queue->add_subcommand("declare", "Create a queue, or check that it is there");
  auto request = std::make_shared<v1::DeclareQueueRequest>();
  verb->add_option("NAME", *request->mutable_name(), "Its name; left out: made by the broker");
  verb->add_flag_callback("--passive", [request] { request->set_passive(true); },
                          "Only check that it exists");
  AddOptions(verb, request->mutable_options());
  verb->footer(
      "\nExamples:\n"
      "  warrenctl queue declare orders --durable --dead-letter-exchange dlx\n"
      "  warrenctl queue declare jobs --durable --retry-max-attempts 5 --retry-max-backoff 10m");
  context.OnChosen(verb, [&context, request](client::Connection& connection) {
    auto response = connection.DeclareQueue(*request);
    if (!response.ok()) return response.status();
    Json row;
    row["name"] = response->name();
    row["messages"] = response->message_count();
    row["consumers"] = response->consumer_count();
    PrintRows(std::cout, context.format, Json::array({row}));
    return absl::OkStatus();
  });
}

void AddDelete(CLI::App* queue, Context& context) {
  CLI::App* verb = queue->add_subcommand("rm", "Delete a queue with its messages");
  verb->alias("delete");
  auto request = std::make_shared<v1::DeleteQueueRequest>();
  verb->add_option("NAME", *request->mutable_name(), "Its name")->required();
  verb->add_flag_callback("--if-unused", [request] { request->set_if_unused(true); },
                          "Refuse if it has consumers");
  verb->add_flag_callback("--if-empty", [request] { request->set_if_empty(true); },
                          "Refuse if it has ready messages");
  context.OnChosen(verb, [&context, request](client::Connection& connection) {
    auto response = connection.DeleteQueue(*request);
    if (!response.ok()) return response.status();
    const Json result = {{"name", request->name()}, {"messages", response->message_count()}};
    PrintLine(std::cout, context.format,
              "deleted, with " + std::to_string(response->message_count()) + " messages", result);
    return absl::OkStatus();
  });
}

void AddPurge(CLI::App* queue, Context& context) {
  CLI::App* verb = queue->add_subcommand("purge", "Remove the ready messages of a queue");
  auto request = std::make_shared<v1::PurgeQueueRequest>();
  verb->add_option("NAME", *request->mutable_name(), "Its name")->required();
  context.OnChosen(verb, [&context, request](client::Connection& connection) {
    auto response = connection.PurgeQueue(*request);
    if (!response.ok()) return response.status();
    const Json result = {{"name", request->name()}, {"messages", response->message_count()}};
    PrintLine(std::cout, context.format,
              "removed " + std::to_string(response->message_count()) + " messages", result);
    return absl::OkStatus();
  });
}

}  // namespace

void AddPolicyOptions(CLI::App* verb, v1::QueueOptions* options) {
  AddDuration(verb, "--expires", "Delete it when unused that long",
              [options] { return options->mutable_expires(); });
  AddDuration(verb, "--ttl", "Time to live of its messages",
              [options] { return options->mutable_message_ttl(); });
  verb->add_option_function<uint64_t>(
      "--max-length", [options](uint64_t n) { options->set_max_length(n); },
      "Most ready messages; 0: no limit");
  verb->add_option_function<uint64_t>(
      "--max-length-bytes", [options](uint64_t n) { options->set_max_length_bytes(n); },
      "Most bytes of ready bodies; 0: no limit");
  static const std::map<std::string, int> kOverflows = {
      {"drop-head", v1::OVERFLOW_POLICY_DROP_HEAD},
      {"reject-publish", v1::OVERFLOW_POLICY_REJECT_PUBLISH},
      {"reject-publish-dlx", v1::OVERFLOW_POLICY_REJECT_PUBLISH_DLX}};
  verb->add_option_function<int>(
          "--overflow",
          [options](int policy) { options->set_overflow(static_cast<v1::OverflowPolicy>(policy)); },
          "At a limit: drop-head (default), reject-publish, reject-publish-dlx")
      ->transform(CLI::CheckedTransformer(kOverflows).description(""))
      ->type_name("POLICY");
  verb->add_option_function<std::string>(
      "--dead-letter-exchange",
      [options](const std::string& name) { options->set_dead_letter_exchange(name); },
      "Where rejected, expired and dropped messages go; \"\": the default exchange");
  verb->add_option_function<std::string>(
      "--dead-letter-routing-key",
      [options](const std::string& key) { options->set_dead_letter_routing_key(key); },
      "Their routing key there; left out: the ones they have");
  verb->add_option_function<uint32_t>(
      "--delivery-limit", [options](uint32_t n) { options->set_delivery_limit(n); },
      "Dead-letter a message after so many deliveries; 0: no limit");
}

void AddQueueCommands(CLI::App& app, Context& context) {
  CLI::App* queue = app.add_subcommand("queue", "List, look into, declare, delete queues");
  queue->require_subcommand(1);
  AddQueueViews(queue, context);
  AddDeclare(queue, context);
  AddDelete(queue, context);
  AddPurge(queue, context);
}

}  // namespace warren::tools
