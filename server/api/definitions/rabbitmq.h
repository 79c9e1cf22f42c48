// What RabbitMQ exports (`rabbitmqctl export_definitions`, the management plugin's button), versions
// 3.8 to 4.x, as Warren's definitions. docs/definitions.md has the table.
//
// Pure functions; thread-safe.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "server/api/definitions/document.h"

namespace warren::api {

// `json` is an object; `virtual_host` is that of what names none, as in an export of one. Errors as
// ReadDefinitions.
absl::StatusOr<Document> ReadRabbitMq(const nlohmann::json& json, const std::string& virtual_host);

}  // namespace warren::api
