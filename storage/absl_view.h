// For calls of Abseil, whose string_view of Debian 12 isn't the standard one. Thread-safe.
#pragma once

#include <string_view>

#include "absl/strings/string_view.h"

namespace warren::storage {

inline absl::string_view Absl(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace warren::storage
