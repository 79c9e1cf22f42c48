#include "tools/warrenctl/output.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "google/protobuf/util/time_util.h"
#include "tools/warrenctl/message_json.h"
#include "warren/client/error.h"

namespace warren::tools {
namespace {

using Json = nlohmann::ordered_json;
using google::protobuf::util::TimeUtil;

// Text as it is: with invalid UTF-8 replaced, since this must not fail.
std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string Cell(const Json& value) {
  std::string text = value.is_string() ? value.get<std::string>() : Dump(value);
  // A cell stays on its line.
  return IsUtf8(text) ? absl::Utf8SafeCEscape(text) : absl::CEscape(text);
}

size_t Width(const std::string& text) {
  const auto begins_character = [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  };
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), begins_character));
}

// What a terminal shows and nothing else needs.
constexpr std::string_view kBold = "\033[1m";
constexpr std::string_view kRed = "\033[31m";
constexpr std::string_view kPlain = "\033[0m";

bool Colours(const std::ostream& out) {
  // https://no-color.org
  const char* no_colour = std::getenv("NO_COLOR");
  if (no_colour != nullptr && *no_colour != '\0') return false;
  return (&out == &std::cout && isatty(STDOUT_FILENO) == 1) ||
         (&out == &std::cerr && isatty(STDERR_FILENO) == 1);
}

struct Line {
  std::vector<std::string> cells;
  std::vector<bool> to_the_right;  // numbers
};

void PrintTable(std::ostream& out, const Json& rows) {
  std::vector<Line> lines(1);
  for (const auto& [key, value] : rows.front().items()) {
    lines[0].cells.push_back(absl::AsciiStrToUpper(key));
    lines[0].to_the_right.push_back(value.is_number());
  }
  for (const Json& row : rows) {
    lines.emplace_back();
    for (const auto& [key, value] : row.items()) {
      lines.back().cells.push_back(Cell(value));
      lines.back().to_the_right.push_back(value.is_number());
    }
  }
  std::vector<size_t> widths(lines[0].cells.size(), 0);
  for (const Line& line : lines) {
    for (size_t i = 0; i < line.cells.size(); ++i) {
      widths[i] = std::max(widths[i], Width(line.cells[i]));
    }
  }
  const bool colours = Colours(out);
  for (const Line& line : lines) {
    const bool head = &line == &lines.front();
    if (head && colours) out << kBold;
    for (size_t i = 0; i < line.cells.size(); ++i) {
      const std::string space(widths[i] - Width(line.cells[i]), ' ');
      if (i > 0) out << "  ";
      if (line.to_the_right[i]) out << space;
      out << line.cells[i];
      if (!line.to_the_right[i] && i + 1 < line.cells.size()) out << space;
    }
    if (head && colours) out << kPlain;
    out << '\n';
  }
}

void PutText(Json& json, const char* key, const std::string& text) {
  if (!text.empty()) json[key] = text;
}

Json DeathToJson(const v1::Death& death) {
  Json json;
  json["queue"] = death.queue();
  json["reason"] = v1::DeathReason_Name(death.reason());
  json["count"] = death.count();
  json["time"] = TimeUtil::ToString(death.time());
  json["exchange"] = death.exchange();
  json["routing_keys"] = std::vector<std::string>(death.routing_keys().begin(),
                                                  death.routing_keys().end());
  if (death.has_original_expiration()) {
    json["original_expiration"] = TimeUtil::ToString(death.original_expiration());
  }
  return json;
}

}  // namespace

ExitCode ExitCodeOf(const absl::Status& status) {
  if (status.ok()) return kExitOk;
  const bool unreachable = client::ErrorInfoOf(status).reason == client::kUnavailable;
  return unreachable ? kExitUnreachable : kExitRefused;
}

void PrintError(std::ostream& out, OutputFormat format, const absl::Status& status) {
  const client::ErrorInfo info = client::ErrorInfoOf(status);
  const std::string code = absl::StatusCodeToString(status.code());
  const std::string message(status.message());
  if (format == OutputFormat::kJson) {
    Json json;
    json["code"] = code;
    json["reason"] = info.reason;
    json["message"] = message;
    json["metadata"] = info.metadata;
    out << Dump(Json{{"error", json}}) << '\n';
    return;
  }
  const bool colours = Colours(out);
  out << (colours ? kRed : "") << "warrenctl: " << (colours ? kPlain : "") << message << " (" << code << ", " << info.reason << ")\n";
}

void PrintRows(std::ostream& out, OutputFormat format, const Json& rows) {
  if (format == OutputFormat::kJson) {
    out << Dump(rows) << '\n';
  } else if (!rows.empty()) {
    PrintTable(out, rows);
  }
}

void PrintObject(std::ostream& out, OutputFormat format, const Json& object) {
  if (format == OutputFormat::kJson) {
    out << Dump(object) << '\n';
    return;
  }
  size_t width = 0;
  for (const auto& [key, value] : object.items()) width = std::max(width, Width(key));
  const bool colours = Colours(out);
  for (const auto& [key, value] : object.items()) {
    out << (colours ? kBold : "") << key << (colours ? kPlain : "")
        << std::string(width - Width(key) + 2, ' ') << Cell(value) << '\n';
  }
}

void PrintLine(std::ostream& out, OutputFormat format, std::string_view text, const Json& object) {
  if (format == OutputFormat::kJson) {
    out << Dump(object) << std::endl;
  } else {
    out << text << std::endl;
  }
}

Json DeliveryToJson(const v1::Delivery& delivery) {
  const v1::Message& message = delivery.message();
  Json json;
  json["delivery_tag"] = delivery.delivery_tag();
  json["exchange"] = delivery.exchange();
  json["routing_key"] = delivery.routing_key();
  json["redelivered"] = delivery.redelivered();
  json["delivery_count"] = delivery.delivery_count();
  if (delivery.has_published_at()) {
    json["published_at"] = TimeUtil::ToString(delivery.published_at());
  }
  json["persistent"] = message.delivery_mode() == v1::DELIVERY_MODE_PERSISTENT;
  json["priority"] = message.priority();
  if (message.has_expiration()) json["expiration"] = TimeUtil::ToString(message.expiration());
  PutText(json, "message_id", message.message_id());
  PutText(json, "correlation_id", message.correlation_id());
  PutText(json, "reply_to", message.reply_to());
  PutText(json, "type", message.type());
  PutText(json, "app_id", message.app_id());
  PutText(json, "user_id", message.user_id());
  PutText(json, "content_type", message.content_type());
  PutText(json, "content_encoding", message.content_encoding());
  if (message.has_timestamp()) json["timestamp"] = TimeUtil::ToString(message.timestamp());
  Json headers = Json::object();
  for (const auto& [name, value] : message.headers()) headers[name] = HeaderToJson(value);
  if (!headers.empty()) json["headers"] = headers;
  for (const v1::Death& death : delivery.deaths()) json["deaths"].push_back(DeathToJson(death));
  PutBytes(json, "body", message.body());
  return json;
}

Json DeliveryToRow(const v1::Delivery& delivery) {
  Json row;
  row["tag"] = delivery.delivery_tag();
  row["exchange"] = delivery.exchange();
  row["routing_key"] = delivery.routing_key();
  row["redelivered"] = delivery.redelivered() ? "yes" : "no";
  row["bytes"] = delivery.message().body().size();
  row["body"] = delivery.message().body();
  return row;
}

}  // namespace warren::tools
