// The configuration file: sections of keys, in YAML. The only part that knows yaml-cpp here.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace warren::config {

struct FileValue {
  int line = 0;  // from 1
  std::vector<std::string> values;
};

// By "section.key". A list gives several values, a map "key=value" for each of its entries.
using FileValues = std::map<std::string, FileValue>;

// Reads at most 1 MiB. Any error says where in the file, or that it can't be read.
absl::StatusOr<FileValues> ReadConfigFile(const std::string& path);

// The same for a text; `path` is for errors.
absl::StatusOr<FileValues> ParseConfigFile(const std::string& text, const std::string& path);

}  // namespace warren::config
