// warrenctl publish
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "tools/warrenctl/command.h"

namespace warren::tools {
namespace {

using Json = nlohmann::ordered_json;

absl::Status Publish(const Context& context, client::Connection& connection,
                     const v1::Publication& publication) {
  v1::PublishRequest request;
  v1::Publication& added = *request.add_publications() = publication;
  if (added.message().body() == "-") {
    added.mutable_message()->mutable_body()->assign(std::istreambuf_iterator<char>(std::cin), {});
  }
  auto response = connection.Publish(request);
  if (!response.ok()) return response.status();
  if (response->results_size() != 1) {
    return client::MakeError(absl::StatusCode::kInternal, client::kProtocol,
                             "the broker answered without a result");
  }
  const v1::PublishResult& result = response->results(0);
  switch (result.outcome()) {
    case v1::OUTCOME_ACCEPTED:
    case v1::OUTCOME_DUPLICATE: {
      const std::string outcome =
          result.outcome() == v1::OUTCOME_ACCEPTED ? "accepted" : "duplicate";
      PrintLine(std::cout, context.format, outcome, Json{{"outcome", outcome}});
      return absl::OkStatus();
    }
    case v1::OUTCOME_UNROUTABLE:
      return client::MakeError(absl::StatusCode::kNotFound, "UNROUTABLE",
                               "no queue would get the message: bind one to exchange \"" +
                                   publication.exchange() + "\" with a key that matches \"" +
                                   publication.routing_key() + "\"");
    default:
      return client::ToStatus(result.error());
  }
}

}  // namespace

void AddPublishCommand(CLI::App& app, Context& context) {
  CLI::App* verb = app.add_subcommand("publish", "Publish one message and wait for its confirm");
  auto publication = std::make_shared<v1::Publication>();
  v1::Message* message = publication->mutable_message();
  verb->add_option("BODY", *message->mutable_body(), "The body; -: from standard input")
      ->required();
  verb->add_option("--exchange", *publication->mutable_exchange(),
                   "Exchange; left out: straight to the queue that --key names");
  verb->add_option("--key", *publication->mutable_routing_key(), "Routing key");
  verb->add_flag_callback(
      "--persistent", [message] { message->set_delivery_mode(v1::DELIVERY_MODE_PERSISTENT); },
      "Survive a restart, in durable queues");
  AddHeaders(verb, "--header", "Header, such as region=eu or retries:int=3; can be repeated",
             message->mutable_headers());
  verb->add_option_function<uint32_t>(
      "--priority", [message](uint32_t n) { message->set_priority(n); }, "0 (lowest) to 255");
  AddDuration(verb, "--expiration", "Time to live",
              [message] { return message->mutable_expiration(); });
  AddDuration(verb, "--delay", "Make it available after this time",
              [publication] { return publication->mutable_delay(); });
  verb->add_flag_callback("--mandatory", [publication] { publication->set_mandatory(true); },
                          "Fail if no queue would get it");
  verb->add_option("--message-id", *message->mutable_message_id(), "Its identity");
  verb->add_option("--content-type", *message->mutable_content_type(), "MIME type of the body");
  verb->footer(
      "\nExamples:\n"
      "  warrenctl publish --key orders --persistent '{\"id\": 1}'\n"
      "  cat report.pdf | warrenctl publish --exchange files --key report.new -");
  verb->callback([&context, publication] {
    if (publication->exchange().empty() && publication->routing_key().empty()) {
      throw CLI::RequiredError("--key or --exchange");
    }
    context.action = [&context, publication](client::Connection& connection) {
      return Publish(context, connection, *publication);
    };
  });
}

}  // namespace warren::tools
