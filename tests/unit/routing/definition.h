// What topic patterns and headers bindings match, as the definition has it: slow, and plain enough
// to be seen to be right. Property tests and fuzzers hold the matchers against it.
// Thread-safe: functions only.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "storage/value.h"

namespace warren::core {

using Words = std::vector<std::string>;

inline Words SplitPlainly(const std::string& key) {
  if (key.empty()) return {};
  Words words(1);
  for (const char c : key) {
    if (c == '.') {
      words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  return words;
}

inline bool WordsFit(std::span<const std::string> pattern, std::span<const std::string> key) {
  if (pattern.empty()) return key.empty();
  if (pattern[0] == "#") {
    return WordsFit(pattern.subspan(1), key) ||
           (!key.empty() && WordsFit(pattern, key.subspan(1)));
  }
  return !key.empty() && (pattern[0] == "*" || pattern[0] == key[0]) &&
         WordsFit(pattern.subspan(1), key.subspan(1));
}

inline bool FitsPlainly(const std::string& pattern, const std::string& key) {
  return WordsFit(SplitPlainly(pattern), SplitPlainly(key));
}

// Two `#` are allowed, and three are not.
inline bool IsAllowedPattern(const std::string& pattern) {
  const Words words = SplitPlainly(pattern);
  return std::count(words.begin(), words.end(), "#") <= 2;
}

// The definition written down: look each argument up, count, decide at the end.
inline bool FitsPlainly(const storage::Headers& arguments, const std::string& match,
                        const storage::Headers& headers) {
  const bool with_x = match == "all-with-x" || match == "any-with-x";
  int asked = 0;
  int held = 0;
  for (const storage::Header& argument : arguments) {
    if (argument.name == "match") continue;
    if (!with_x && argument.name.starts_with("x-")) continue;
    ++asked;
    for (const storage::Header& header : headers) {
      if (header.name != argument.name) continue;
      const bool is_void = std::holds_alternative<std::monostate>(argument.value.data);
      if (is_void || argument.value == header.value) ++held;
    }
  }
  return match.starts_with("any") ? held > 0 : held == asked;
}

}  // namespace warren::core
