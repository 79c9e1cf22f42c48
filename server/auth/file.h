// Files that are read anew when they change. Thread-compatible.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace warren::auth {

// What tells one state of a file from another.
struct FileMark {
  int64_t changed_at_ns = 0;  // 0: it isn't there
  uint64_t inode = 0;
  int64_t size = 0;

  bool operator==(const FileMark&) const = default;
};

FileMark MarkOf(const std::string& path);

// NOT_FOUND if it can't be read, INVALID_ARGUMENT if it has more bytes.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t max_bytes);

}  // namespace warren::auth
