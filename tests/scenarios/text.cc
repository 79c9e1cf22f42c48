#include "tests/scenarios/text.h"

#include "tests/scenarios/commands.h"

namespace warren::scenarios {

std::string At(int64_t at_ms) { return absl::StrCat(at_ms - kStartMs, "ms"); }

std::string Count(uint64_t n, const char* what) {
  return absl::StrCat(n, " ", what, n == 1 ? "" : "s");
}

std::string Quoted(std::string_view text) {
  const bool bare = !text.empty() && text.find(' ') == std::string_view::npos;
  const std::string copy(text);
  return bare ? copy : absl::StrCat("\"", copy, "\"");
}

std::string Body(const storage::Message& message) {
  const std::string& body = message.body.str();
  const size_t end = body.find_last_not_of('.') + 1;
  if (end == body.size()) return Quoted(body);
  return absl::StrCat(Quoted(body.substr(0, end)), " (", body.size(), " bytes)");
}

}  // namespace warren::scenarios
