// warrenctl consume
#include <csignal>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tools/warrenctl/command.h"
#include "warren/client/consumer.h"

namespace warren::tools {
namespace {

using Json = nlohmann::ordered_json;

struct ConsumeOptions {
  std::string queue;
  uint64_t count = 0;
  bool ack = true;
  uint32_t prefetch = 100;
};

volatile std::sig_atomic_t interrupted = 0;

void OnInterrupt(int) { interrupted = 1; }

void Print(OutputFormat format, const v1::Delivery& delivery) {
  std::string line = "#" + std::to_string(delivery.delivery_tag()) + " ";
  if (!delivery.exchange().empty()) line += delivery.exchange() + " ";
  line += delivery.routing_key() + (delivery.redelivered() ? " (redelivered)" : "") + ": " +
          delivery.message().body();
  PrintLine(std::cout, format, line,
            format == OutputFormat::kJson ? DeliveryToJson(delivery) : Json());
}

absl::Status Consume(const Context& context, client::Connection& connection,
                     const ConsumeOptions& options) {
  client::ConsumerOptions consumer_options;
  consumer_options.subscribe.set_queue(options.queue);
  // No more than will be shown, so that others can have the rest.
  const bool few = options.count != 0 && options.count < options.prefetch;
  consumer_options.subscribe.set_prefetch_messages(
      few ? static_cast<uint32_t>(options.count) : options.prefetch);
  auto opened = client::Consumer::Open(connection, std::move(consumer_options));
  if (!opened.ok()) return opened.status();
  client::Consumer& consumer = **opened;

  std::signal(SIGINT, OnInterrupt);
  std::signal(SIGTERM, OnInterrupt);
  uint64_t shown = 0;
  while (interrupted == 0 && (options.count == 0 || shown < options.count)) {
    auto batch = consumer.Next(std::chrono::milliseconds(200));
    if (!batch.ok()) {
      if (client::ErrorInfoOf(batch.status()).reason == client::kTimeout) continue;
      return batch.status();
    }
    for (const v1::Delivery& delivery : *batch) {
      if (options.count != 0 && shown == options.count) break;
      Print(context.format, delivery);
      ++shown;
      if (!options.ack) continue;
      const absl::Status status = consumer.Ack(delivery.delivery_tag());
      // A stale one comes again, and is shown again.
      if (!status.ok() && client::ErrorInfoOf(status).reason != client::kDeliveryStale) {
        return status;
      }
    }
  }
  return consumer.Flush();
}

}  // namespace

void AddConsumeCommand(CLI::App& app, Context& context) {
  CLI::App* verb = app.add_subcommand("consume", "Show messages as they come, until interrupted");
  auto options = std::make_shared<ConsumeOptions>();
  verb->add_option("QUEUE", options->queue, "The queue")->required();
  verb->add_option("--count", options->count, "Stop after so many; 0: never")
      ->capture_default_str();
  verb->add_flag("--ack,!--no-ack", options->ack,
                 "Take them (default); --no-ack: they go back to the queue at the end");
  verb->add_option("--prefetch", options->prefetch, "Most messages not acknowledged, 1 to 65535")
      ->check(CLI::Range(1, 65'535))
      ->capture_default_str();
  verb->footer("\nWith -o json each message is one line.");
  context.OnChosen(verb, [&context, options](client::Connection& connection) {
    return Consume(context, connection, *options);
  });
}

}  // namespace warren::tools
