// Runs of sequences as a text that people can read, such as "6-8,12". Thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/record.h"

namespace warren::storage {

std::string RunsText(const std::vector<SequenceRun>& runs);
// DATA_LOSS unless it is exactly what RunsText makes of runs that ascend, none next to another.
absl::StatusOr<std::vector<SequenceRun>> ParseRuns(std::string_view text);

}  // namespace warren::storage
