// warrenctl queue ls | show | peek | move
#include <algorithm>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "tools/warrenctl/listing.h"

namespace warren::tools {
namespace {

using Json = nlohmann::ordered_json;

Json Row(const v1::Queue& queue, bool with_virtual_host) {
  Json row;
  if (with_virtual_host) row["vhost"] = queue.virtual_host();
  row["name"] = queue.name();
  row["ready"] = queue.ready_messages();
  row["unsettled"] = queue.unsettled_messages();
  row["delayed"] = queue.delayed_messages();
  row["bytes"] = Size(queue.ready_bytes());
  row["consumers"] = queue.consumers();
  row["oldest"] = Age(queue.head_ready_since());
  row["durable"] = queue.options().durable() ? "yes" : "no";
  row["policy"] = queue.policy().empty() ? "-" : queue.policy();
  return row;
}

void AddList(CLI::App* noun, Context& context) {
  CLI::App* verb = noun->add_subcommand("ls", "List queues and how full they are");
  const auto flags = AddListFlags(verb, true);
  verb->footer("\nExample:\n  warrenctl queue ls --match '^orders'");
  context.OnChosen(verb, [&context, flags](client::Connection& connection) {
    v1::ListQueuesRequest request;
    request.set_virtual_host(flags->virtual_host(context));
    request.set_name_pattern(flags->pattern);
    request.set_page_size(kPageSize);
    return PrintList(
        context, connection, &client::Admin::Stub::ListQueues, request,
        [](const v1::ListQueuesResponse& page) { return page.queues(); },
        [flags](const v1::Queue& queue) { return Row(queue, flags->all_virtual_hosts); });
  });
}

void AddShow(CLI::App* noun, Context& context) {
  CLI::App* verb = noun->add_subcommand("show", "Show all that is known of a queue");
  auto name = std::make_shared<std::string>();
  verb->add_option("NAME", *name, "Its name")->required();
  context.OnChosen(verb, [&context, name](client::Connection& connection) {
    auto queue = FindQueue(connection, context.virtual_host, *name);
    if (!queue.ok()) return queue.status();
    PrintObject(std::cout, context.format, MessageToJson(*queue));
    return absl::OkStatus();
  });
}

Json EntryRow(const v1::QueueEntry& entry) {
  Json row;
  row["id"] = entry.id();
  row["state"] = EnumWord(*v1::EntryState_descriptor()->FindValueByNumber(entry.state()));
  row["age"] = Age(entry.published_at());
  row["due"] = TimeLeft(entry.due_at());
  row["exchange"] = entry.exchange();
  row["routing_key"] = entry.routing_key();
  row["attempts"] = entry.delivery_count();
  row["deaths"] = entry.deaths_size();
  row["bytes"] = entry.body_bytes();
  row["body"] = entry.has_message() ? Json(entry.message().body()) : Json("(out of memory)");
  return row;
}

void AddPeek(CLI::App* noun, Context& context) {
  CLI::App* verb = noun->add_subcommand("peek", "Look at messages and leave them as they are");
  auto request = std::make_shared<v1::PeekQueueRequest>();
  verb->add_option("NAME", *request->mutable_queue(), "The queue")->required();
  auto count = std::make_shared<uint32_t>(10);
  verb->add_option("--count", *count, "Most messages")->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  static const std::map<std::string, int> kStates = {{"ready", v1::ENTRY_STATE_READY},
                                                     {"delayed", v1::ENTRY_STATE_DELAYED},
                                                     {"unsettled", v1::ENTRY_STATE_UNSETTLED}};
  verb->add_option_function<int>(
          "--state",
          [request](int state) { request->set_state(static_cast<v1::EntryState>(state)); },
          "Only ready, delayed or unsettled ones")
      ->transform(CLI::CheckedTransformer(kStates).description(""))
      ->type_name("STATE");
  verb->add_option_function<uint64_t>(
      "--max-body", [request](uint64_t bytes) { request->set_max_body_bytes(bytes); },
      "Most bytes of a body that are shown (65536)");
  verb->footer(
      "\nNothing is delivered, and no count goes up; `get` and `consume` deliver.\n"
      "Example:\n  warrenctl queue peek dead --count 3 -o json");
  context.OnChosen(verb, [&context, request, count](client::Connection& connection) {
    client::Admin admin(connection);
    request->set_virtual_host(context.virtual_host);
    Json rows = Json::array();
    do {
      request->set_page_size(std::min<uint32_t>(100, *count - static_cast<uint32_t>(rows.size())));
      auto page = admin.Call(&client::Admin::Stub::PeekQueue, *request);
      if (!page.ok()) return page.status();
      for (const v1::QueueEntry& entry : page->entries()) {
        rows.push_back(context.format == OutputFormat::kTable ? EntryRow(entry)
                                                              : MessageToJson(entry));
      }
      request->set_page_token(page->next_page_token());
    } while (!request->page_token().empty() && rows.size() < *count);
    PrintRows(std::cout, context.format, rows);
    return absl::OkStatus();
  });
}

void AddMove(CLI::App* noun, Context& context) {
  CLI::App* verb =
      noun->add_subcommand("move", "Move ready messages, the oldest first, to another queue");
  auto request = std::make_shared<v1::MoveMessagesRequest>();
  verb->add_option("FROM", *request->mutable_source(), "The queue they are in")->required();
  verb->add_option("TO", *request->mutable_destination(), "The queue they are to be in")->required();
  auto count = std::make_shared<uint64_t>(0);
  verb->add_option("--count", *count, "Most messages; 0: as many as are there at first")
      ->capture_default_str();
  verb->footer(
      "\nEach message is in one of the two at any moment, and keeps its properties and history.\n"
      "Example:\n  warrenctl queue move dead orders --count 100");
  context.OnChosen(verb, [&context, request, count](client::Connection& connection) {
    constexpr uint64_t kStep = 1'000;
    client::Admin admin(connection);
    request->set_virtual_host(context.virtual_host);
    uint64_t moved = 0;
    uint64_t left = 0;
    // What comes in meanwhile isn't meant: without a bound, two queues that feed one another would
    // never be done.
    uint64_t wanted = *count;
    if (wanted == 0) {
      auto queue = FindQueue(connection, context.virtual_host, request->source());
      if (!queue.ok()) return queue.status();
      wanted = queue->ready_messages();
    }
    // Once at least: the broker knows what is wrong with it.
    do {
      const uint64_t step = std::min(kStep, wanted - moved);
      request->set_max_messages(static_cast<uint32_t>(std::max<uint64_t>(step, 1)));
      auto response = admin.Call(&client::Admin::Stub::MoveMessages, *request);
      if (!response.ok()) return response.status();
      moved += response->moved();
      left = response->left();
      if (response->moved() == 0) break;
    } while (moved < wanted);
    PrintLine(std::cout, context.format,
              "moved " + std::to_string(moved) + ", " + std::to_string(left) + " left",
              Json{{"moved", moved}, {"left", left}});
    return absl::OkStatus();
  });
}

}  // namespace

absl::StatusOr<v1::Queue> FindQueue(client::Connection& connection,
                                    const std::string& virtual_host, const std::string& name) {
  auto found = FindNamed<v1::Queue>(
      connection, virtual_host, name, &client::Admin::Stub::ListQueues,
      [](const v1::ListQueuesResponse& page) { return page.queues(); });
  if (!found.ok()) return found.status();
  if (!found->has_value()) {
    return client::MakeError(absl::StatusCode::kNotFound, "QUEUE_NOT_FOUND",
                             "no queue \"" + name + "\" in virtual host \"" + virtual_host + "\"");
  }
  return **std::move(found);
}

void AddQueueViews(CLI::App* noun, Context& context) {
  AddList(noun, context);
  AddShow(noun, context);
  AddPeek(noun, context);
  AddMove(noun, context);
}

}  // namespace warren::tools
