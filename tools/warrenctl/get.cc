// warrenctl get
#include <iostream>
#include <nlohmann/json.hpp>

#include "tools/warrenctl/command.h"

namespace warren::tools {
namespace {

using Json = nlohmann::ordered_json;

struct GetOptions {
  std::string queue;
  uint32_t count = 1;
  bool ack = false;
};

// Leases the messages, prints them, and only then settles: none is lost if printing fails.
absl::Status Get(const Context& context, client::Connection& connection,
                 const GetOptions& options) {
  v1::GetRequest request;
  request.set_queue(options.queue);
  request.set_max_messages(options.count);
  auto response = connection.Get(request);
  if (!response.ok()) return response.status();

  Json rows = Json::array();
  v1::AckRequest settle;
  v1::Settlement& settlement = *settle.add_settlements();
  settlement.set_outcome(options.ack ? v1::SETTLE_OUTCOME_ACK : v1::SETTLE_OUTCOME_REQUEUE);
  for (const v1::Delivery& delivery : response->deliveries()) {
    rows.push_back(context.format == OutputFormat::kJson ? DeliveryToJson(delivery)
                                                         : DeliveryToRow(delivery));
    settlement.add_delivery_tags(delivery.delivery_tag());
  }
  PrintRows(std::cout, context.format, rows);
  std::cout.flush();
  if (context.format == OutputFormat::kTable) {
    std::cerr << response->deliveries_size() << " messages, " << response->message_count()
              << " left\n";
  }
  if (rows.empty()) return absl::OkStatus();

  auto settled = connection.Ack(settle);
  if (!settled.ok()) return settled.status();
  if (settled->failures_size() > 0) return client::ToStatus(settled->failures(0).error());
  return absl::OkStatus();
}

}  // namespace

void AddGetCommand(CLI::App& app, Context& context) {
  CLI::App* verb = app.add_subcommand("get", "Show messages of a queue, and take them with --ack");
  auto options = std::make_shared<GetOptions>();
  verb->add_option("QUEUE", options->queue, "The queue")->required();
  verb->add_option("--count", options->count, "Most messages, 1 to 10000")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  verb->add_flag("--ack", options->ack,
                 "Take them; else they go back to the queue, marked redelivered");
  context.OnChosen(verb, [&context, options](client::Connection& connection) {
    return Get(context, connection, *options);
  });
}

}  // namespace warren::tools
