// How documents of definitions are refused. Pure; thread-safe.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "server/base/error.h"

namespace warren::api {

inline absl::Status InvalidDefinitions(std::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, "DEFINITIONS_INVALID", {"definitions", "", ""},
               message);
}

}  // namespace warren::api
