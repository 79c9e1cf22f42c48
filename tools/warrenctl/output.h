// What warrenctl prints: aligned tables for people, JSON for programs.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <ostream>
#include <string_view>

#include "absl/status/status.h"
#include "warren/v1/message.pb.h"

namespace warren::tools {

enum class OutputFormat { kTable, kJson };

// Exit codes; documented in --help.
enum ExitCode { kExitOk = 0, kExitRefused = 1, kExitUsage = 2, kExitUnreachable = 3 };
ExitCode ExitCodeOf(const absl::Status& status);

// "warrenctl: MESSAGE (CODE, REASON)", or an object with code, reason, message and metadata.
void PrintError(std::ostream& out, OutputFormat format, const absl::Status& status);

// `rows` is an array of objects with the same keys, which are the columns. Numbers stand to the
// right; on a terminal the head is bold, unless NO_COLOR is set.
void PrintRows(std::ostream& out, OutputFormat format, const nlohmann::ordered_json& rows);

// One object: a line a member for people.
void PrintObject(std::ostream& out, OutputFormat format, const nlohmann::ordered_json& object);

// One line: `text` for people, `object` for programs.
void PrintLine(std::ostream& out, OutputFormat format, std::string_view text,
               const nlohmann::ordered_json& object);

// A delivery with all that is set. A body that isn't UTF-8 is "body_base64".
nlohmann::ordered_json DeliveryToJson(const v1::Delivery& delivery);

// The columns of a table of deliveries.
nlohmann::ordered_json DeliveryToRow(const v1::Delivery& delivery);

}  // namespace warren::tools
