#include "server/api/definitions/document.h"

#include <google/protobuf/util/json_util.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "server/api/definitions/invalid.h"
#include "server/api/definitions/rabbitmq.h"
#include "server/base/check.h"

namespace warren::api {
namespace {

using Json = nlohmann::json;
namespace json_util = google::protobuf::util;

constexpr int kMaxDepth = 32;
constexpr uint32_t kForm = 1;

// Null of type `discarded` if it is no JSON, or nested too deep.
Json Parse(std::string_view text) {
  bool too_deep = false;
  const auto look = [&too_deep](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > kMaxDepth;
    return !too_deep;
  };
  Json json = Json::parse(text, look, /*allow_exceptions=*/false);
  return too_deep ? Json(Json::value_t::discarded) : json;
}

absl::StatusOr<Document> ReadOwn(std::string_view text) {
  Document document;
  const json_util::Status status = json_util::JsonStringToMessage(
      google::protobuf::StringPiece(text.data(), text.size()), &document.definitions);
  if (!status.ok()) {
    return InvalidDefinitions(std::string(status.message().data(), status.message().size()));
  }
  if (document.definitions.warren_definitions() != kForm) {
    return InvalidDefinitions(absl::StrCat("warren_definitions is ",
                                           document.definitions.warren_definitions(),
                                           "; this broker knows form ", kForm));
  }
  return document;
}

// "" asks for a name made by the broker where a queue is declared; a document has to give it.
absl::Status CheckNamed(const v1::Definitions& definitions) {
  absl::Status fault;
  const auto check = [&fault](const char* list, const auto& all) {
    for (int i = 0; i < all.size(); ++i) {
      if (!fault.ok() || !all[i].name().empty()) continue;
      fault = InvalidDefinitions(absl::StrCat(list, "[", i, "].name: is missing"));
    }
  };
  check("exchanges", definitions.exchanges());
  check("queues", definitions.queues());
  check("policies", definitions.policies());
  check("users", definitions.users());
  return fault;
}

// Fills in the virtual host of all that names none.
void Place(v1::Definitions& definitions, const std::string& virtual_host) {
  const auto place = [&](auto& all) {
    for (auto& one : all) {
      if (one.virtual_host().empty()) one.set_virtual_host(virtual_host);
    }
  };
  place(*definitions.mutable_exchanges());
  place(*definitions.mutable_queues());
  place(*definitions.mutable_bindings());
  place(*definitions.mutable_policies());
  place(*definitions.mutable_permissions());
  place(*definitions.mutable_virtual_host_limits());
}

}  // namespace

absl::StatusOr<Document> ReadDefinitions(std::string_view text, const std::string& virtual_host) {
  if (text.size() > kMaxDocumentBytes) {
    return InvalidDefinitions(absl::StrCat("the document has ", text.size(), " bytes; at most ",
                                           kMaxDocumentBytes, " are taken, so import it in parts"));
  }
  const Json json = Parse(text);
  if (!json.is_object()) {
    return InvalidDefinitions(absl::StrCat(
        "the document is no JSON object, or one that is nested more than ", kMaxDepth, " deep"));
  }
  const std::string host = virtual_host.empty() ? "/" : virtual_host;
  absl::StatusOr<Document> document =
      json.contains("warren_definitions") ? ReadOwn(text) : ReadRabbitMq(json, host);
  if (!document.ok()) return document;
  if (const absl::Status fault = CheckNamed(document->definitions); !fault.ok()) return fault;
  Place(document->definitions, host);
  return document;
}

std::string WriteDefinitions(const v1::Definitions& definitions) {
  json_util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  v1::Definitions marked = definitions;
  marked.set_warren_definitions(kForm);
  WARREN_CHECK(json_util::MessageToJsonString(marked, &json, options).ok());
  // Members by name: the entries of a map come in no order.
  return Json::parse(json).dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace warren::api
