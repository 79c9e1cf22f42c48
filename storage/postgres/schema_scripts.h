// schema/NNNN.sql as text; the build makes the source file. Thread-safe.
#pragma once

#include <span>
#include <string_view>

namespace warren::storage {

// Script n at index n - 1.
std::span<const std::string_view> SchemaScripts();

}  // namespace warren::storage
