#include "storage/rocksdb/watermark.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/codec/crc32.h"

namespace warren::storage {
namespace {

// Sequence, then number, bytes and CRC of the manifest, then the CRC of all that; little-endian.
constexpr size_t kFactsBytes = 8 + 8 + 8 + 4;
constexpr size_t kCrcBytes = 4;
using Content = std::array<unsigned char, kFactsBytes + kCrcBytes>;

uint64_t Load(const unsigned char* bytes, size_t count) {
  uint64_t value = 0;
  for (size_t i = 0; i < count; ++i) value |= static_cast<uint64_t>(bytes[i]) << (8 * i);
  return value;
}

void Store(unsigned char* bytes, size_t count, uint64_t value) {
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<unsigned char>(value >> (8 * i));
}

Content Encode(const Durable& value) {
  Content content;
  Store(&content[0], 8, value.sequence);
  Store(&content[8], 8, value.manifest.number);
  Store(&content[16], 8, value.manifest.bytes);
  Store(&content[24], 4, value.manifest.crc);
  Store(&content[kFactsBytes], kCrcBytes, ExtendCrc32(0, content.data(), kFactsBytes));
  return content;
}

Durable Decode(const unsigned char* content) {
  return {.sequence = Load(content, 8),
          .manifest = {.number = Load(content + 8, 8),
                       .bytes = Load(content + 16, 8),
                       .crc = static_cast<uint32_t>(Load(content + 24, 4))}};
}

absl::Status Failed(const char* what, const std::string& path) {
  return absl::UnavailableError(absl::StrCat("can't ", what, " ", path, ": ", strerror(errno)));
}

// Whole or not at all, also through a power cut.
absl::Status Create(const std::string& directory, const std::string& path) {
  const std::string draft = path + ".new";
  const Content content = Encode({});
  const int fd = open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return Failed("create", draft);
  const bool written = write(fd, content.data(), content.size()) == ssize_t{content.size()};
  close(fd);
  if (!written || !SyncPath(draft)) return Failed("write", draft);
  if (rename(draft.c_str(), path.c_str()) != 0) return Failed("create", path);
  if (!SyncPath(directory)) return Failed("sync", directory);
  return absl::OkStatus();
}

}  // namespace

std::string Watermark::FileIn(const std::string& directory) { return directory + "/WATERMARK"; }

absl::StatusOr<Durable> Watermark::Read(const std::string& directory) {
  const std::string path = FileIn(directory);
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return Durable{};
  if (fd < 0) return Failed("open", path);
  // One byte more than there should be, to see whether the file is longer.
  std::array<unsigned char, sizeof(Content) + 1> content;
  const ssize_t size = pread(fd, content.data(), content.size(), 0);
  const absl::Status failed = size < 0 ? Failed("read", path) : absl::OkStatus();
  close(fd);
  if (!failed.ok()) return failed;
  if (size != ssize_t{sizeof(Content)} ||
      ExtendCrc32(0, content.data(), kFactsBytes) != Load(&content[kFactsBytes], kCrcBytes)) {
    return absl::DataLossError(absl::StrCat(path, " is damaged"));
  }
  return Decode(content.data());
}

absl::StatusOr<Watermark> Watermark::Open(const std::string& directory) {
  const std::string path = FileIn(directory);
  if (access(path.c_str(), F_OK) != 0) {
    if (absl::Status created = Create(directory, path); !created.ok()) return created;
  }
  const absl::StatusOr<Durable> value = Read(directory);
  if (!value.ok()) return value.status();
  const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return Failed("open", path);
  return Watermark(fd, *value);
}

Watermark::Watermark(Watermark&& other) noexcept
    : file_(std::exchange(other.file_, -1)), value_(other.value_) {}

Watermark::~Watermark() {
  if (file_ >= 0) close(file_);
}

void Watermark::Raise(const Durable& value) {
  // A write that arrived in part would look like damage, so that isn't left as it is.
  constexpr int kAttempts = 3;
  const Content content = Encode(value);
  for (int i = 0; i < kAttempts; ++i) {
    const ssize_t written = pwrite(file_, content.data(), content.size(), 0);
    if (written == ssize_t{content.size()}) value_ = value;
    if (written == ssize_t{content.size()} || (i == 0 && written <= 0)) return;
  }
}

}  // namespace warren::storage
