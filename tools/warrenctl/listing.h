// How verbs print lists and times of AdminService.
#pragma once

#include <google/protobuf/timestamp.pb.h>
#include <re2/re2.h>

#include <cstdint>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "tools/warrenctl/command.h"
#include "tools/warrenctl/message_json.h"
#include "warren/client/admin.h"

namespace warren::tools {

// As many as the broker gives at once.
inline constexpr uint32_t kPageSize = 1'000;

// Prints all pages of a list: for people a table whose lines `row` makes, for programs an array of the
// messages. `items` gives those of a page.
template <typename Request, typename Response, typename Items, typename Row>
absl::Status PrintList(const Context& context, client::Connection& connection,
                       client::Admin::Method<Request, Response> method, Request request,
                       Items items, Row row) {
  auto rows = nlohmann::ordered_json::array();
  client::Admin admin(connection);
  const absl::Status status =
      admin.ForEachPage(method, std::move(request), [&](const Response& page) {
        for (const auto& item : items(page)) {
          rows.push_back(context.format == OutputFormat::kTable ? row(item) : MessageToJson(item));
        }
      });
  if (!status.ok()) return status;
  PrintRows(std::cout, context.format, rows);
  return absl::OkStatus();
}

// The item of a list that has just this name; none if there is none. `items` as for PrintList.
template <typename Item, typename Request, typename Response, typename Items>
absl::StatusOr<std::optional<Item>> FindNamed(client::Connection& connection,
                                              const std::string& virtual_host,
                                              const std::string& name,
                                              client::Admin::Method<Request, Response> method,
                                              Items items) {
  Request request;
  request.set_virtual_host(virtual_host);
  request.set_name_pattern("^" + RE2::QuoteMeta(name) + "$");
  request.set_page_size(kPageSize);
  client::Admin admin(connection);
  std::optional<Item> found;
  const absl::Status status = admin.ForEachPage(method, request, [&](const Response& page) {
    for (const Item& item : items(page)) found = item;
  });
  if (!status.ok()) return status;
  return found;
}

// --all-vhosts and, where names are to be matched, --match, of a list.
struct ListFlags {
  bool all_virtual_hosts = false;
  std::string pattern;

  // For the request.
  std::string virtual_host(const Context& context) const {
    return all_virtual_hosts ? "" : context.virtual_host;
  }
};
std::shared_ptr<ListFlags> AddListFlags(CLI::App* verb, bool with_match);

// NOT_FOUND if there is none of that name.
absl::StatusOr<v1::Queue> FindQueue(client::Connection& connection,
                                    const std::string& virtual_host, const std::string& name);

// What can't be right before a broker is asked: a file that can't be read, say.
absl::Status WrongArgument(const std::string& message);

absl::StatusOr<v1::GetOverviewResponse> GetOverview(client::Connection& connection);

// How long ago, or in how long: "3m12s"; "-" without one.
std::string Age(const google::protobuf::Timestamp& time);
std::string TimeLeft(const google::protobuf::Timestamp& time);

// "1.5 GiB".
std::string Size(uint64_t bytes);

// NAME=VALUE …, or "-".
std::string ArgumentsText(const v1::Binding& binding);

// Words with commas; "-" for none.
template <typename Words>
std::string Joined(const Words& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ",") + word;
  return text.empty() ? "-" : text;
}

}  // namespace warren::tools
