#include "tests/scenarios/transcript.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace warren::scenarios {
namespace {

constexpr char kSeparator[] = "----";

absl::Status Malformed(size_t index, const char* what) {
  return absl::InvalidArgumentError(absl::StrCat("line ", index + 1, ": ", what));
}

bool IsIndented(const std::string& line) { return !line.empty() && line.front() == ' '; }

}  // namespace

absl::StatusOr<Transcript> Parse(const std::string& text) {
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  while (!lines.empty() && lines.back().empty()) lines.pop_back();

  Transcript transcript;
  size_t i = 0;
  while (i < lines.size()) {
    Step step;
    while (i < lines.size() && (lines[i].empty() || lines[i].front() == '#')) {
      step.preamble.push_back(std::move(lines[i++]));
    }
    if (i == lines.size()) {
      transcript.epilogue = std::move(step.preamble);
      break;
    }
    if (IsIndented(lines[i])) return Malformed(i, "an indented line without a command");
    if (lines[i] == kSeparator) return Malformed(i, "a trace without a command");
    step.line = static_cast<int>(i) + 1;
    step.command = std::move(lines[i++]);
    while (i < lines.size() && IsIndented(lines[i])) step.details.push_back(std::move(lines[i++]));
    if (i == lines.size() || lines[i] != kSeparator) {
      return Malformed(i, "a command ends with a line of four dashes");
    }
    ++i;
    while (i < lines.size() && !lines[i].empty()) step.trace.push_back(std::move(lines[i++]));
    if (i < lines.size()) ++i;  // the blank line
    transcript.steps.push_back(std::move(step));
  }
  return transcript;
}

std::string Format(const Transcript& transcript) {
  std::string text;
  const auto add_all = [&text](const std::vector<std::string>& lines) {
    for (const std::string& line : lines) absl::StrAppend(&text, line, "\n");
  };
  for (const Step& step : transcript.steps) {
    add_all(step.preamble);
    absl::StrAppend(&text, step.command, "\n");
    add_all(step.details);
    absl::StrAppend(&text, kSeparator, "\n");
    add_all(step.trace);
    text += "\n";
  }
  add_all(transcript.epilogue);
  while (text.size() > 1 && text[text.size() - 2] == '\n') text.pop_back();
  return text;
}

}  // namespace warren::scenarios
