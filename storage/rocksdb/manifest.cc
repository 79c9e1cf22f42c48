#include "storage/rocksdb/manifest.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace warren::storage {
namespace {

constexpr std::string_view kPrefix = "MANIFEST-";
constexpr uint64_t kToEnd = std::numeric_limits<uint64_t>::max();

// The file that CURRENT names, and its number; "" and 0 if that can't be read.
std::pair<std::string, uint64_t> CurrentManifest(const std::string& directory) {
  std::string name;
  std::ifstream current(directory + "/CURRENT");
  if (!std::getline(current, name) || !name.starts_with(kPrefix)) return {"", 0};
  uint64_t number = 0;
  const char* end = name.data() + name.size();
  const auto [stopped, error] = std::from_chars(name.data() + kPrefix.size(), end, number);
  if (error != std::errc() || stopped != end) return {"", 0};
  return {directory + "/" + name, number};
}

// Extends `prefix` by what `file` has after it, up to `bytes_max` in all.
void Extend(int file, ManifestPrefix& prefix, uint64_t bytes_max) {
  std::vector<unsigned char> buffer(size_t{64} << 10);
  while (prefix.bytes < bytes_max) {
    const size_t want = std::min<uint64_t>(buffer.size(), bytes_max - prefix.bytes);
    const ssize_t got = pread(file, buffer.data(), want, static_cast<off_t>(prefix.bytes));
    if (got <= 0) return;
    prefix.crc = static_cast<uint32_t>(crc32(prefix.crc, buffer.data(), static_cast<uInt>(got)));
    prefix.bytes += static_cast<uint64_t>(got);
  }
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
  const auto [path, number] = CurrentManifest(directory);
  if (number > expected.number || expected.number == 0) return absl::OkStatus();
  if (number < expected.number) {
    return absl::DataLossError(
        absl::StrCat("CURRENT names manifest ", number, ", but ", expected.number, " was in use"));
  }
  ManifestPrefix found;
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file >= 0) {
    Extend(file, found, expected.bytes);
    close(file);
  }
  if (found.bytes != expected.bytes || found.crc != expected.crc) {
    return absl::DataLossError(absl::StrCat("the first ", expected.bytes, " bytes of ", path,
                                            " aren't what was written there"));
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
  const auto [path, number] = CurrentManifest(directory_);
  // That CURRENT names this file has to be durable before it counts.
  if (!SyncPath(directory_)) return false;
  const int file = number == 0 ? -1 : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  if (file_ >= 0) close(file_);
  file_ = file;
  durable_ = {.number = number};
  return true;
}

void ManifestWatch::ReadOn() {
  ManifestPrefix longer = durable_;
  Extend(file_, longer, kToEnd);
  // RocksDB may not have synced the last of it yet.
  if (fsync(file_) == 0) durable_ = longer;
}

}  // namespace warren::storage
