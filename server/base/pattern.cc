#include "server/base/pattern.h"

#include <re2/re2.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace warren {
namespace {

constexpr size_t kMaxTextBytes = 1024;
// Of the compiled expression and its automaton, which RE2 builds as it matches.
constexpr int64_t kMaxMemoryBytes = int64_t{1} << 20;

}  // namespace

absl::StatusOr<Pattern> Pattern::Make(std::string text) {
  if (text.size() > kMaxTextBytes) {
    return absl::InvalidArgumentError(absl::StrCat("a pattern has ", text.size(),
                                                   " bytes; at most ", kMaxTextBytes,
                                                   " are allowed"));
  }
  Pattern pattern;
  if (!text.empty()) {
    re2::RE2::Options options;
    options.set_max_mem(kMaxMemoryBytes);
    options.set_log_errors(false);
    auto expression = std::make_shared<re2::RE2>(text, options);
    if (!expression->ok()) {
      return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is no pattern: ",
                                                     expression->error(),
                                                     " (syntax as in RE2)"));
    }
    pattern.expression_ = std::move(expression);
  }
  pattern.text_ = std::move(text);
  return pattern;
}

bool Pattern::Matches(std::string_view name) const {
  if (expression_ == nullptr) return name.empty();
  return matches_all() ||
         re2::RE2::PartialMatch(re2::StringPiece(name.data(), name.size()), *expression_);
}

}  // namespace warren
