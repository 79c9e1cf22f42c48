#include "storage/spill/spill_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace warren::storage {
namespace {

const char* Remedy(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT: return "free space there, or give the broker a larger volume";
    case EFBIG: return "raise the limit on the size of files (ulimit -f)";
    case EMFILE:
    case ENFILE: return "raise the limit on open files (ulimit -n)";
    case EACCES:
    case EPERM:
    case EROFS: return "let the broker write there, or give it another directory";
    case ENOENT:
    case ENOTDIR: return "make the directory, or give the broker another one";
    default: return "check the disk and its file system";
  }
}

absl::Status Failed(const char* doing, const std::string& directory, int error) {
  return absl::UnavailableError(absl::StrCat("can't ", doing, " a file in the spill directory ",
                                             directory, ": ", std::strerror(error), "; ",
                                             Remedy(error)));
}

// A file that has no name, or an errno as a negative number.
int MakeUnnamed(const std::string& directory) {
  const int fd = open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0) return fd;
  // What file systems, and kernels, say that don't know how.
  if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) return -errno;
  std::string path = directory + "/spill-XXXXXX";
  const int named = mkostemp(path.data(), O_CLOEXEC);
  if (named < 0) return -errno;
  if (unlink(path.c_str()) == 0) return named;
  const int error = errno;
  close(named);
  return -error;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SpillFile>> SpillFile::Make(const std::string& directory,
                                                          uint64_t generation) {
  const int fd = MakeUnnamed(directory);
  if (fd < 0) return Failed("make", directory, -fd);
  return std::unique_ptr<SpillFile>(new SpillFile(directory, fd, generation));
}

SpillFile::~SpillFile() { close(fd_); }

absl::Status SpillFile::Append(std::initializer_list<std::string_view> parts) {
  uint64_t end = written_;
  for (const std::string_view part : parts) {
    // What a failure leaves behind the end is overwritten by what is appended next.
    if (absl::Status status = WriteAt(end, part); !status.ok()) return status;
    end += part.size();
  }
  const uint64_t first_chunk = written_ / kChunkBytes;
  written_ = end;
  // Records that went before they were written leave chunks that nobody else would look at.
  for (uint64_t c = first_chunk; c < written_ / kChunkBytes; ++c) GiveBackIfDead(c);
  return absl::OkStatus();
}

absl::Status SpillFile::WriteAt(uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return Failed("write to", directory_, n < 0 ? errno : EIO);
    bytes.remove_prefix(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return absl::OkStatus();
}

absl::Status SpillFile::Read(uint64_t offset, size_t size, char* out) const {
  while (size > 0) {
    const ssize_t n = pread(fd_, out, size, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Failed("read", directory_, errno);
    if (n == 0) {
      return absl::DataLossError(absl::StrCat("a file in the spill directory ", directory_,
                                              " ends after ", offset, " bytes of ", written_,
                                              "; check the disk and its file system"));
    }
    out += n;
    size -= static_cast<size_t>(n);
    offset += static_cast<uint64_t>(n);
  }
  return absl::OkStatus();
}

void SpillFile::AddRecord(uint64_t offset, uint64_t size) {
  const uint64_t last = (offset + size - 1) / kChunkBytes;
  if (records_of_chunk_.size() <= last) records_of_chunk_.resize(last + 1);
  for (uint64_t c = offset / kChunkBytes; c <= last; ++c) ++records_of_chunk_[c];
  ++records_;
}

void SpillFile::DropRecord(uint64_t offset, uint64_t size) {
  --records_;
  const uint64_t last = (offset + size - 1) / kChunkBytes;
  for (uint64_t c = offset / kChunkBytes; c <= last; ++c) {
    --records_of_chunk_[c];
    // The caller will clear or close the file if this was the last record: all goes at once.
    if (records_ > 0) GiveBackIfDead(c);
  }
}

void SpillFile::GiveBackIfDead(uint64_t chunk) {
  const uint64_t begin = chunk * kChunkBytes;
  if (records_of_chunk_[chunk] > 0 || begin + kChunkBytes > written_ || !can_give_back_) return;
  if (fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(begin),
                static_cast<off_t>(kChunkBytes)) != 0) {
    // Then the space is free when the whole file is.
    can_give_back_ = false;
    return;
  }
  given_back_ += kChunkBytes;
}

void SpillFile::Clear(uint64_t generation) {
  generation_ = generation;
  // If it fails, what is there is overwritten.
  [[maybe_unused]] const int ignored = written_ == 0 ? 0 : ftruncate(fd_, 0);
  written_ = 0;
  given_back_ = 0;
  records_of_chunk_.clear();
}

}  // namespace warren::storage
