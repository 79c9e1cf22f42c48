// warrenctl scheduled ls | count | cancel
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <vector>

#include "tools/warrenctl/listing.h"

namespace warren::tools {
namespace {

using Json = nlohmann::ordered_json;

void AddList(CLI::App* noun, Context& context) {
  CLI::App* verb = noun->add_subcommand("ls", "List messages that wait for their time, the next first");
  auto queue = std::make_shared<std::string>();
  verb->add_option("--queue", *queue, "Only this queue's");
  auto count = std::make_shared<uint32_t>(100);
  verb->add_option("--count", *count, "Most messages")->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  context.OnChosen(verb, [&context, queue, count](client::Connection& connection) {
    client::Admin admin(connection);
    v1::ListScheduledMessagesRequest request;
    request.set_virtual_host(context.virtual_host);
    request.set_queue(*queue);
    Json rows = Json::array();
    uint64_t total = 0;
    do {
      request.set_page_size(std::min<uint32_t>(100, *count - static_cast<uint32_t>(rows.size())));
      auto page = admin.Call(&client::Admin::Stub::ListScheduledMessages, request);
      if (!page.ok()) return page.status();
      total = page->total();
      for (const v1::QueueEntry& entry : page->entries()) {
        if (context.format == OutputFormat::kJson) {
          rows.push_back(MessageToJson(entry));
          continue;
        }
        rows.push_back({{"id", entry.id()},
                        {"queue", entry.queue()},
                        {"due in", TimeLeft(entry.due_at())},
                        {"message_id", entry.message().message_id()},
                        {"bytes", entry.body_bytes()},
                        {"body", entry.has_message() ? entry.message().body() : "(out of memory)"}});
      }
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty() && rows.size() < *count);
    PrintRows(std::cout, context.format, rows);
    if (context.format == OutputFormat::kTable && total > rows.size()) {
      std::cerr << rows.size() << " of " << total << "; --count shows more\n";
    }
    return absl::OkStatus();
  });
}

void AddCount(CLI::App* noun, Context& context) {
  CLI::App* verb = noun->add_subcommand("count", "Count messages that wait for their time");
  auto request = std::make_shared<v1::ListScheduledMessagesRequest>();
  verb->add_option("--queue", *request->mutable_queue(), "Only this queue's");
  context.OnChosen(verb, [&context, request](client::Connection& connection) {
    client::Admin admin(connection);
    request->set_virtual_host(context.virtual_host);
    request->set_page_size(1);
    auto page = admin.Call(&client::Admin::Stub::ListScheduledMessages, *request);
    if (!page.ok()) return page.status();
    PrintLine(std::cout, context.format, std::to_string(page->total()),
              Json{{"count", page->total()}});
    return absl::OkStatus();
  });
}

void AddCancel(CLI::App* noun, Context& context) {
  CLI::App* verb = noun->add_subcommand("cancel", "Remove messages before their time has come");
  auto request = std::make_shared<v1::CancelScheduledMessagesRequest>();
  verb->add_option("QUEUE", *request->mutable_queue(), "The queue they are in")->required();
  auto ids = std::make_shared<std::vector<uint64_t>>();
  auto message_ids = std::make_shared<std::vector<std::string>>();
  CLI::Option* by_id = verb->add_option("--id", *ids, "Ids as `scheduled ls` shows them");
  CLI::Option* by_message_id =
      verb->add_option("--message-id", *message_ids, "Message ids as their publisher set them");
  CLI::Option* all = verb->add_flag_callback(
      "--all", [request] { request->set_all(true); }, "All of the queue's");
  by_id->excludes(all);
  by_message_id->excludes(all);
  verb->footer("\nExample:\n  warrenctl scheduled cancel reminders --message-id order-17");
  verb->callback([&context, request, ids, message_ids, all] {
    if (ids->empty() && message_ids->empty() && all->empty()) {
      throw CLI::RequiredError("--id, --message-id or --all");
    }
    context.action = [&context, request, ids, message_ids](client::Connection& connection) {
      request->set_virtual_host(context.virtual_host);
      request->mutable_ids()->Assign(ids->begin(), ids->end());
      for (const std::string& id : *message_ids) request->add_message_ids(id);
      client::Admin admin(connection);
      auto response = admin.Call(&client::Admin::Stub::CancelScheduledMessages, *request);
      if (!response.ok()) return response.status();
      PrintLine(std::cout, context.format,
                "removed " + std::to_string(response->cancelled()) + " messages",
                Json{{"cancelled", response->cancelled()}});
      return absl::OkStatus();
    };
  });
}

}  // namespace

void AddScheduledCommands(CLI::App& app, Context& context) {
  CLI::App* noun = app.add_subcommand("scheduled", "Look at and remove delayed messages");
  noun->require_subcommand(1);
  AddList(noun, context);
  AddCount(noun, context);
  AddCancel(noun, context);
}

}  // namespace warren::tools
