// A disk that fails where a test says: stands between this program's system calls and the kernel,
// for all files below one directory, whichever library makes the calls.
//
// The test binary defines open, pwrite, fsync and so on, so the dynamic linker has the libraries
// call those, too (faulty_disk.cc); nothing in the product knows of it. Calls are counted by kind
// and by zone, a kind of file; the n-th of one can fail. Syncs aren't passed on to the kernel, since
// processes die in tests, and not the machine; what a power cut would leave is asked of the
// DiskHistory.
//
// Thread safety: thread-safe. One at a time in a process.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "tests/support/disk_history.h"

namespace warren::testing {

enum class DiskCall {
  kLook,  // stat, access, list a directory
  kOpen,
  kMake,  // open that makes the file
  kRead,
  kWrite,
  kSync,
  kResize,  // truncate, allocate, punch holes
  kRename,
  kRemove,
  kClose,
};
const char* NameOf(DiskCall call);

enum class DiskFault {
  kErrorOnce,     // EIO
  kErrorLasting,  // EIO, and from then on for every call of any kind
  kShortWrite,    // the front half of a write arrives; the next write to that zone is an EIO
  kNoSpace,       // ENOSPC, and from then on for every call that takes space
};
const char* NameOf(DiskFault fault);

struct DiskPlace {
  std::string zone;
  DiskCall call = DiskCall::kWrite;
  uint64_t nth = 1;  // from 1
};

class FaultyDisk {
 public:
  // The zone of a file of that name; of the directory itself for "".
  using Zones = std::function<std::string(std::string_view name)>;
  using Counts = std::map<std::pair<std::string, DiskCall>, uint64_t>;

  FaultyDisk(std::string directory, Zones zones);
  ~FaultyDisk();
  FaultyDisk(const FaultyDisk&) = delete;
  FaultyDisk& operator=(const FaultyDisk&) = delete;

  // A call that comes there meets the fault. A lasting one is over after `failures` failures.
  void Arm(const DiskPlace& place, DiskFault fault, uint64_t failures);
  // That many bytes can be written, then the disk is full until it is mended.
  void FillUpAfter(uint64_t bytes);
  // It is mended by itself after that many more failures.
  void MendAfterFailures(uint64_t failures);
  void Mend();

  // How many calls failed so far.
  uint64_t failed() const;
  // Calls so far.
  Counts counts() const;

  // Keeps what is done to the files from now on; the directory must be empty.
  void Record();
  // Something that a test wants to find again in the history, such as "batch 7 is acknowledged".
  void Mark(uint64_t value);
  const DiskHistory& history() const { return history_; }

  // What the system calls ask; of no use to tests.
  struct Verdict {
    int error = 0;        // errno; 0: goes on
    size_t allowed = 0;   // bytes of a write that arrive before the error
  };
  struct File {
    std::string zone;
    uint64_t node = 0;  // in the history; DiskHistory::kDirectory for the directory
  };
  // Whether `path` is in the directory, or is it; `name` is its last part then, or "".
  bool Has(std::string_view path, std::string& name) const;
  // A write of `bytes` bytes, of which `new_bytes` make the file longer: the others take no space.
  Verdict Ask(const std::string& zone, DiskCall call, size_t bytes = 0, size_t new_bytes = 0);
  std::string ZoneOf(std::string_view name) const { return zones_(name); }
  void Opened(int fd, const std::string& name, bool made);
  bool Find(int fd, File& file) const;
  bool Closed(int fd, File& file);
  // Held while something is done and recorded, so that both have the same order.
  std::unique_lock<std::mutex> OrderLock() { return std::unique_lock(order_); }
  DiskHistory* recording() { return recording_ ? &history_ : nullptr; }

 private:
  bool TakesSpace(DiskCall call) const;
  bool Breaks(const std::string& zone, DiskCall call) const;

  static constexpr uint64_t kUnlimited = std::numeric_limits<uint64_t>::max();

  const std::string directory_;
  const Zones zones_;

  mutable std::mutex mutex_;
  // Guarded by mutex_:
  std::unordered_map<int, File> files_;  // by descriptor
  Counts counts_;
  bool armed_ = false;
  bool lasting_ = false;  // the armed fault has come and goes on
  DiskPlace place_;
  DiskFault fault_ = DiskFault::kErrorOnce;
  uint64_t room_ = kUnlimited;
  uint64_t failures_left_ = kUnlimited;
  uint64_t failed_ = 0;

  std::mutex order_;
  // Guarded by order_:
  bool recording_ = false;
  DiskHistory history_;
};

}  // namespace warren::testing
