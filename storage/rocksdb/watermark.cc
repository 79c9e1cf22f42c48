#include "storage/rocksdb/watermark.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace warren::storage {
namespace {

constexpr size_t kNumberBytes = 8;
constexpr size_t kCrcBytes = 4;
using Content = std::array<unsigned char, kNumberBytes + kCrcBytes>;

uint64_t LittleEndian(const unsigned char* bytes, size_t count) {
  uint64_t value = 0;
  for (size_t i = 0; i < count; ++i) value |= static_cast<uint64_t>(bytes[i]) << (8 * i);
  return value;
}

void PutLittleEndian(unsigned char* bytes, size_t count, uint64_t value) {
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<unsigned char>(value >> (8 * i));
}

Content Encode(uint64_t value) {
  Content content;
  PutLittleEndian(content.data(), kNumberBytes, value);
  PutLittleEndian(content.data() + kNumberBytes, kCrcBytes,
                  crc32(0, content.data(), kNumberBytes));
  return content;
}

absl::Status Failed(const char* what, const std::string& path) {
  return absl::UnavailableError(absl::StrCat("can't ", what, " ", path, ": ", strerror(errno)));
}

bool SyncPath(const std::string& path, int flags) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC);
  if (fd < 0) return false;
  const bool synced = fsync(fd) == 0;
  close(fd);
  return synced;
}

// Whole or not at all, also through a power cut.
absl::Status Create(const std::string& directory, const std::string& path) {
  const std::string draft = path + ".new";
  const Content content = Encode(0);
  const int fd = open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return Failed("create", draft);
  const bool written = write(fd, content.data(), content.size()) == ssize_t{content.size()};
  close(fd);
  if (!written || !SyncPath(draft, O_RDONLY)) return Failed("write", draft);
  if (rename(draft.c_str(), path.c_str()) != 0) return Failed("create", path);
  if (!SyncPath(directory, O_RDONLY | O_DIRECTORY)) return Failed("sync", directory);
  return absl::OkStatus();
}

}  // namespace

std::string Watermark::FileIn(const std::string& directory) { return directory + "/WATERMARK"; }

absl::StatusOr<Watermark> Watermark::Open(const std::string& directory) {
  const std::string path = FileIn(directory);
  if (access(path.c_str(), F_OK) != 0) {
    if (absl::Status created = Create(directory, path); !created.ok()) return created;
  }
  const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return Failed("open", path);
  Watermark watermark(fd, 0);
  // One byte more than there should be, to see whether the file is longer.
  std::array<unsigned char, sizeof(Content) + 1> content;
  const ssize_t size = pread(fd, content.data(), content.size(), 0);
  if (size < 0) return Failed("read", path);
  if (size != ssize_t{sizeof(Content)} ||
      crc32(0, content.data(), kNumberBytes) !=
          LittleEndian(content.data() + kNumberBytes, kCrcBytes)) {
    return absl::DataLossError(absl::StrCat(path, " is damaged"));
  }
  watermark.value_ = LittleEndian(content.data(), kNumberBytes);
  return watermark;
}

Watermark::Watermark(Watermark&& other) noexcept
    : file_(std::exchange(other.file_, -1)), value_(other.value_) {}

Watermark::~Watermark() {
  if (file_ >= 0) close(file_);
}

void Watermark::Raise(uint64_t value) {
  const Content content = Encode(value);
  if (pwrite(file_, content.data(), content.size(), 0) == ssize_t{content.size()}) value_ = value;
}

}  // namespace warren::storage
