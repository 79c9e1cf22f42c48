// The system calls that FaultyDisk stands behind, defined anew: the dynamic linker takes the
// program's own before the C library's, for all libraries alike. What is not about the disk's
// directory goes straight on.
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "tests/support/faulty_disk.h"

namespace warren::testing {

FaultyDisk* CurrentDisk();

namespace {

template <typename F>
F* Real(const char* name) {
  return reinterpret_cast<F*>(dlsym(RTLD_NEXT, name));
}

int Fail(int error) {
  errno = error;
  return -1;
}

// Whether the call is about the disk, and it wants it to fail.
bool FailsAt(const char* path, DiskCall call) {
  FaultyDisk* const disk = CurrentDisk();
  std::string name;
  if (disk == nullptr || path == nullptr || !disk->Has(path, name)) return false;
  const int error = disk->Ask(disk->ZoneOf(name), call).error;
  if (error != 0) errno = error;
  return error != 0;
}
bool FailsAt(int fd, DiskCall call) {
  FaultyDisk* const disk = CurrentDisk();
  FaultyDisk::File file;
  if (disk == nullptr || !disk->Find(fd, file)) return false;
  const int error = disk->Ask(file.zone, call).error;
  if (error != 0) errno = error;
  return error != 0;
}

bool IsThere(const char* path) {
  static auto* const real = Real<int(const char*, int)>("access");
  const int before = errno;
  const bool there = real(path, F_OK) == 0;
  errno = before;
  return there;
}

// What a write does to the history. REQUIRES: the order lock is held.
void Record(FaultyDisk& disk, const FaultyDisk::File& file, DiskHistory::Kind kind, off_t offset,
            const void* bytes = nullptr, size_t size = 0) {
  if (DiskHistory* const history = disk.recording()) {
    history->Add({.kind = kind,
                  .node = file.node,
                  .offset = static_cast<uint64_t>(offset),
                  .bytes = std::string(static_cast<const char*>(bytes), size)});
  }
}

// A write of `size` bytes by `real`, of which a part may arrive; `offset` is where it begins.
template <typename Write>
ssize_t WriteTo(int fd, const void* bytes, size_t size, off_t offset, const Write& real) {
  FaultyDisk* const disk = CurrentDisk();
  FaultyDisk::File file;
  if (disk == nullptr || !disk->Find(fd, file)) return real(size);
  const auto lock = disk->OrderLock();
  static auto* const look = Real<int(int, struct stat*)>("fstat");
  struct stat now;
  const off_t held = look(fd, &now) == 0 ? now.st_size : 0;
  const off_t end = offset + static_cast<off_t>(size);
  const auto new_bytes = static_cast<size_t>(std::clamp<off_t>(end - held, 0, end - offset));
  const FaultyDisk::Verdict verdict = disk->Ask(file.zone, DiskCall::kWrite, size, new_bytes);
  if (verdict.error != 0 && verdict.allowed == 0) return Fail(verdict.error);
  const ssize_t written = real(verdict.allowed);
  if (written > 0) {
    Record(*disk, file, DiskHistory::Kind::kWrite, offset, bytes, static_cast<size_t>(written));
  }
  return written;
}

int SyncFile(int fd, int (*real)(int)) {
  FaultyDisk* const disk = CurrentDisk();
  FaultyDisk::File file;
  if (disk == nullptr || !disk->Find(fd, file)) return real(fd);
  const auto lock = disk->OrderLock();
  const int error = disk->Ask(file.zone, DiskCall::kSync).error;
  if (error != 0) return Fail(error);
  Record(*disk, file, DiskHistory::Kind::kSync, 0);
  return 0;
}

template <typename Open>
int OpenFile(const char* path, int flags, const Open& real) {
  FaultyDisk* const disk = CurrentDisk();
  std::string name;
  if (disk == nullptr || !disk->Has(path, name)) return real();
  const auto lock = disk->OrderLock();
  const bool unnamed = (flags & O_TMPFILE) == O_TMPFILE;
  const bool makes = unnamed || ((flags & O_CREAT) != 0 && !IsThere(path));
  const int error =
      disk->Ask(disk->ZoneOf(name), makes ? DiskCall::kMake : DiskCall::kOpen).error;
  if (error != 0) return Fail(error);
  const int fd = real();
  if (fd < 0) return fd;
  disk->Opened(fd, name, makes && !unnamed);
  FaultyDisk::File file;
  if (!makes && (flags & O_TRUNC) != 0 && disk->Find(fd, file)) {
    Record(*disk, file, DiskHistory::Kind::kResize, 0);
  }
  return fd;
}

FILE* OpenStream(const char* path, const char* mode, const char* function) {
  if (FailsAt(path, DiskCall::kOpen)) return nullptr;
  FILE* const stream = Real<FILE*(const char*, const char*)>(function)(path, mode);
  FaultyDisk* const disk = CurrentDisk();
  std::string name;
  if (stream != nullptr && disk != nullptr && disk->Has(path, name)) {
    const auto lock = disk->OrderLock();
    disk->Opened(fileno(stream), name, false);
  }
  return stream;
}

}  // namespace
}  // namespace warren::testing

using warren::testing::CurrentDisk;
using warren::testing::DiskCall;
using warren::testing::DiskHistory;
using warren::testing::FailsAt;
using warren::testing::FaultyDisk;
using warren::testing::Real;
using warren::testing::Record;

extern "C" {

int open(const char* path, int flags, ...) {
  static auto* const real = Real<int(const char*, int, ...)>("open");
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = va_arg(rest, mode_t);
  va_end(rest);
  return warren::testing::OpenFile(path, flags, [&] { return real(path, flags, mode); });
}

FILE* fopen(const char* path, const char* mode) {
  return warren::testing::OpenStream(path, mode, "fopen");
}
FILE* fopen64(const char* path, const char* mode) {
  return warren::testing::OpenStream(path, mode, "fopen64");
}

int close(int fd) {
  static auto* const real = Real<int(int)>("close");
  FaultyDisk* const disk = CurrentDisk();
  FaultyDisk::File file;
  if (disk == nullptr || !disk->Closed(fd, file)) return real(fd);
  real(fd);
  const int error = disk->Ask(file.zone, DiskCall::kClose).error;
  return error == 0 ? 0 : warren::testing::Fail(error);
}
int fclose(FILE* stream) {
  static auto* const real = Real<int(FILE*)>("fclose");
  FaultyDisk* const disk = CurrentDisk();
  FaultyDisk::File file;
  if (disk == nullptr || !disk->Closed(fileno(stream), file)) return real(stream);
  real(stream);
  const int error = disk->Ask(file.zone, DiskCall::kClose).error;
  return error == 0 ? 0 : warren::testing::Fail(error);
}

ssize_t read(int fd, void* buffer, size_t size) {
  static auto* const real = Real<ssize_t(int, void*, size_t)>("read");
  return FailsAt(fd, DiskCall::kRead) ? -1 : real(fd, buffer, size);
}
ssize_t pread(int fd, void* buffer, size_t size, off_t offset) {
  static auto* const real = Real<ssize_t(int, void*, size_t, off_t)>("pread");
  return FailsAt(fd, DiskCall::kRead) ? -1 : real(fd, buffer, size, offset);
}
size_t fread_unlocked(void* buffer, size_t size, size_t count, FILE* stream) {
  static auto* const real = Real<size_t(void*, size_t, size_t, FILE*)>("fread_unlocked");
  return FailsAt(fileno(stream), DiskCall::kRead) ? 0 : real(buffer, size, count, stream);
}

ssize_t write(int fd, const void* bytes, size_t size) {
  static auto* const real = Real<ssize_t(int, const void*, size_t)>("write");
  const off_t offset = CurrentDisk() == nullptr ? 0 : lseek(fd, 0, SEEK_CUR);
  return warren::testing::WriteTo(fd, bytes, size, offset,
                                  [&](size_t part) { return real(fd, bytes, part); });
}
ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  static auto* const real = Real<ssize_t(int, const void*, size_t, off_t)>("pwrite");
  return warren::testing::WriteTo(fd, bytes, size, offset,
                                  [&](size_t part) { return real(fd, bytes, part, offset); });
}

int fsync(int fd) { return warren::testing::SyncFile(fd, Real<int(int)>("fsync")); }
int fdatasync(int fd) { return warren::testing::SyncFile(fd, Real<int(int)>("fdatasync")); }

int ftruncate(int fd, off_t size) noexcept {
  static auto* const real = Real<int(int, off_t)>("ftruncate");
  FaultyDisk* const disk = CurrentDisk();
  FaultyDisk::File file;
  if (disk == nullptr || !disk->Find(fd, file)) return real(fd, size);
  const auto lock = disk->OrderLock();
  const int error = disk->Ask(file.zone, DiskCall::kResize).error;
  if (error != 0) return warren::testing::Fail(error);
  Record(*disk, file, DiskHistory::Kind::kResize, size);
  return real(fd, size);
}
int fallocate(int fd, int mode, off_t offset, off_t size) {
  static auto* const real = Real<int(int, int, off_t, off_t)>("fallocate");
  if (FailsAt(fd, DiskCall::kResize)) return -1;
  // Room that is only set aside costs time, in memory most of all, and nobody sees it.
  FaultyDisk* const disk = CurrentDisk();
  FaultyDisk::File file;
  const bool sets_aside = mode == FALLOC_FL_KEEP_SIZE && disk != nullptr && disk->Find(fd, file);
  return sets_aside ? 0 : real(fd, mode, offset, size);
}

int rename(const char* from, const char* to) noexcept {
  static auto* const real = Real<int(const char*, const char*)>("rename");
  FaultyDisk* const disk = CurrentDisk();
  std::string from_name;
  std::string to_name;
  if (disk == nullptr || !disk->Has(from, from_name) || !disk->Has(to, to_name)) {
    return real(from, to);
  }
  const auto lock = disk->OrderLock();
  const int error = disk->Ask(disk->ZoneOf(to_name), DiskCall::kRename).error;
  if (error != 0) return warren::testing::Fail(error);
  const int renamed = real(from, to);
  if (renamed == 0 && disk->recording() != nullptr) disk->recording()->Rename(from_name, to_name);
  return renamed;
}
int unlink(const char* path) noexcept {
  static auto* const real = Real<int(const char*)>("unlink");
  FaultyDisk* const disk = CurrentDisk();
  std::string name;
  if (disk == nullptr || !disk->Has(path, name)) return real(path);
  const auto lock = disk->OrderLock();
  const int error = disk->Ask(disk->ZoneOf(name), DiskCall::kRemove).error;
  if (error != 0) return warren::testing::Fail(error);
  const int removed = real(path);
  if (removed == 0 && disk->recording() != nullptr) disk->recording()->Remove(name);
  return removed;
}

int stat(const char* path, struct stat* status) noexcept {
  static auto* const real = Real<int(const char*, struct stat*)>("stat");
  return FailsAt(path, DiskCall::kLook) ? -1 : real(path, status);
}
int fstat(int fd, struct stat* status) noexcept {
  static auto* const real = Real<int(int, struct stat*)>("fstat");
  return FailsAt(fd, DiskCall::kLook) ? -1 : real(fd, status);
}
int access(const char* path, int mode) noexcept {
  static auto* const real = Real<int(const char*, int)>("access");
  return FailsAt(path, DiskCall::kLook) ? -1 : real(path, mode);
}
DIR* opendir(const char* path) {
  static auto* const real = Real<DIR*(const char*)>("opendir");
  return FailsAt(path, DiskCall::kLook) ? nullptr : real(path);
}

}  // extern "C"
