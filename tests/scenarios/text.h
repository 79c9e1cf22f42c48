// Small texts that effects, records and state are written with. Pure functions; thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "storage/message.h"

namespace warren::scenarios {

// A time, in milliseconds since the transcript's start.
std::string At(int64_t at_ms);

// "1 message", "2 messages".
std::string Count(uint64_t n, const char* what);

// As an operand of a command would be written.
std::string Quoted(std::string_view text);

// A body that was padded to a size shows its beginning and that size.
std::string Body(const storage::Message& message);

template <typename Map, typename Id>
std::string NameIn(const Map& map, Id id) {
  const auto it = map.find(id);
  return it == map.end() ? absl::StrCat("?", id.value) : it->second;
}

}  // namespace warren::scenarios
