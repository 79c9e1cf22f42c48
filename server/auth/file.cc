#include "server/auth/file.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace warren::auth {

FileMark MarkOf(const std::string& path) {
  struct stat facts {};
  if (stat(path.c_str(), &facts) != 0) return {};
  return {.changed_at_ns = facts.st_mtim.tv_sec * 1'000'000'000 + facts.st_mtim.tv_nsec,
          .inode = facts.st_ino,
          .size = facts.st_size};
}

absl::StatusOr<std::string> ReadFile(const std::string& path, size_t max_bytes) {
  std::ifstream file(path, std::ios::binary);
  std::string text;
  char block[4096];
  while (file.read(block, sizeof block) || file.gcount() > 0) {
    text.append(block, static_cast<size_t>(file.gcount()));
    if (text.size() > max_bytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", path, "\" is larger than ", max_bytes, " bytes"));
    }
  }
  if (!file.eof()) {
    return absl::NotFoundError(absl::StrCat("can't read \"", path, "\": ", std::strerror(errno)));
  }
  return text;
}

}  // namespace warren::auth
