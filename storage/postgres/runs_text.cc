#include "storage/postgres/runs_text.h"

#include <charconv>
#include <cstdint>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace warren::storage {
namespace {

// Takes a number off the front of the text.
bool TakeNumber(std::string_view& text, uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto length = static_cast<size_t>(end - text.data());
  if (error != std::errc() || (text.front() == '0' && length > 1)) return false;
  text.remove_prefix(length);
  return true;
}

bool TakeChar(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::string RunsText(const std::vector<SequenceRun>& runs) {
  std::string text;
  for (const SequenceRun& run : runs) {
    absl::StrAppend(&text, text.empty() ? "" : ",", run.first);
    if (run.last > run.first) absl::StrAppend(&text, "-", run.last);
  }
  return text;
}

absl::StatusOr<std::vector<SequenceRun>> ParseRuns(std::string_view text) {
  std::vector<SequenceRun> runs;
  const size_t size = text.size();
  const auto damaged = [&] {
    return absl::DataLossError(absl::StrCat("not runs of sequences such as 6-8,12, from character ",
                                            size - text.size() + 1, " of ", size));
  };
  while (!text.empty()) {
    if (!runs.empty() && !TakeChar(text, ',')) return damaged();
    SequenceRun run;
    if (!TakeNumber(text, run.first)) return damaged();
    run.last = run.first;
    if (TakeChar(text, '-') && (!TakeNumber(text, run.last) || run.last <= run.first)) {
      return damaged();
    }
    if (!runs.empty() && (run.first <= runs.back().last || run.first - runs.back().last == 1)) {
      return damaged();
    }
    runs.push_back(run);
  }
  return runs;
}

}  // namespace warren::storage
