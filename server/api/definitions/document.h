// Definitions as documents: Warren's own form, and what RabbitMQ exports.
//
// Both become the same message. What RabbitMQ has and Warren hasn't is never dropped in silence: it
// is told, with what to use instead. Nothing is looked up in a broker, and names, limits and
// expressions are checked where definitions are carried out.
//
// Documents are hostile: at most 16 MiB, nested at most 32 deep. Pure functions; thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "warren/v1/admin.pb.h"

namespace warren::api {

inline constexpr size_t kMaxDocumentBytes = size_t{16} << 20;

struct Document {
  v1::Definitions definitions;
  // NOT_APPLICABLE ones.
  std::vector<v1::DefinitionResult> not_applicable;
};

// `virtual_host`: of what names none; "" is "/". INVALID_ARGUMENT, reason DEFINITIONS_INVALID, says
// where the document is wrong.
absl::StatusOr<Document> ReadDefinitions(std::string_view json, const std::string& virtual_host);

// In a stable order if that of `definitions` is; ends with a line feed.
std::string WriteDefinitions(const v1::Definitions& definitions);

}  // namespace warren::api
