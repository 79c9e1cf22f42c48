#include "storage/rocksdb/manifest.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <limits>
#include <string_view>
#include <system_error>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "storage/absl_view.h"
#include "storage/codec/crc32.h"

namespace warren::storage {
namespace {

constexpr std::string_view kPrefix = "MANIFEST-";
constexpr uint64_t kToEnd = std::numeric_limits<uint64_t>::max();

absl::Status CantRead(const std::string& path, int error) {
  return absl::UnavailableError(absl::StrCat("can't read ", path, ": ", std::strerror(error),
                                             "; check the disk and its file system"));
}

// Extends `prefix` by what `file` has after it, up to `bytes_max` in all. UNAVAILABLE if it can't be
// read; what was read before counts.
absl::Status Extend(int file, const std::string& path, ManifestPrefix& prefix, uint64_t bytes_max) {
  std::vector<unsigned char> buffer(size_t{64} << 10);
  while (prefix.bytes < bytes_max) {
    const size_t want = std::min<uint64_t>(buffer.size(), bytes_max - prefix.bytes);
    const ssize_t got = pread(file, buffer.data(), want, static_cast<off_t>(prefix.bytes));
    if (got < 0) return CantRead(path, errno);
    if (got == 0) break;
    prefix.crc = ExtendCrc32(prefix.crc, buffer.data(), static_cast<size_t>(got));
    prefix.bytes += static_cast<uint64_t>(got);
  }
  return absl::OkStatus();
}

struct NamedManifest {
  std::string path;
  uint64_t number = 0;  // 0: CURRENT names none
};

// What CURRENT names. UNAVAILABLE if it can't be read.
absl::StatusOr<NamedManifest> CurrentManifest(const std::string& directory) {
  const std::string path = directory + "/CURRENT";
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return CantRead(path, errno);
  std::array<char, 256> content;
  const ssize_t got = pread(file, content.data(), content.size(), 0);
  const int error = errno;
  close(file);
  if (got < 0) return CantRead(path, error);
  std::string_view name(content.data(), static_cast<size_t>(got));
  name = name.substr(0, name.find('\n'));
  NamedManifest manifest;
  if (!name.starts_with(kPrefix)) return manifest;
  const auto [stopped, code] =
      std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), manifest.number);
  if (code != std::errc() || stopped != name.data() + name.size()) return NamedManifest();
  manifest.path = absl::StrCat(directory, "/", Absl(name));
  return manifest;
}

}  // namespace

bool SyncPath(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool synced = fsync(fd) == 0;
  close(fd);
  return synced;
}

absl::Status CheckManifest(const std::string& directory, const ManifestPrefix& expected) {
  if (expected.number == 0) return absl::OkStatus();
  const absl::StatusOr<NamedManifest> current = CurrentManifest(directory);
  if (!current.ok()) return current.status();
  if (current->number > expected.number) return absl::OkStatus();
  if (current->number < expected.number) {
    return absl::DataLossError(absl::StrCat("CURRENT names manifest ", current->number, ", but ",
                                            expected.number, " was in use"));
  }
  ManifestPrefix found;
  const int file = open(current->path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0 && errno != ENOENT) return CantRead(current->path, errno);
  if (file >= 0) {
    const absl::Status read = Extend(file, current->path, found, expected.bytes);
    close(file);
    if (!read.ok()) return read;
  }
  if (found.bytes != expected.bytes || found.crc != expected.crc) {
    return absl::DataLossError(absl::StrCat("the first ", expected.bytes, " bytes of ",
                                            current->path, " aren't what was written there"));
  }
  return absl::OkStatus();
}

ManifestWatch::~ManifestWatch() {
  if (file_ >= 0) close(file_);
}

const ManifestPrefix& ManifestWatch::Refresh() {
  struct stat current;
  if (stat((directory_ + "/CURRENT").c_str(), &current) != 0) return durable_;
  if (current.st_ino != current_inode_) {
    if (!SwitchFile()) return durable_;
    current_inode_ = current.st_ino;
  }
  struct stat manifest;
  if (fstat(file_, &manifest) == 0 && static_cast<uint64_t>(manifest.st_size) > durable_.bytes) {
    ReadOn();
  }
  return durable_;
}

bool ManifestWatch::SwitchFile() {
  const absl::StatusOr<NamedManifest> current = CurrentManifest(directory_);
  // That CURRENT names this file has to be durable before it counts.
  if (!current.ok() || current->number == 0 || !SyncPath(directory_)) return false;
  const int file = open(current->path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  if (file_ >= 0) close(file_);
  file_ = file;
  path_ = current->path;
  durable_ = {.number = current->number};
  return true;
}

void ManifestWatch::ReadOn() {
  ManifestPrefix longer = durable_;
  const absl::Status read = Extend(file_, path_, longer, kToEnd);
  // RocksDB may not have synced the last of it yet.
  if (read.ok() && fsync(file_) == 0) durable_ = longer;
}

}  // namespace warren::storage
