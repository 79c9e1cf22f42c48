#include "tests/support/faulty_disk.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace warren::testing {
namespace {

std::atomic<FaultyDisk*> g_disk = nullptr;

}  // namespace

// The one that is there now, or null; for system_calls.cc.
FaultyDisk* CurrentDisk() { return g_disk.load(std::memory_order_acquire); }

const char* NameOf(DiskCall call) {
  switch (call) {
    case DiskCall::kLook: return "look";
    case DiskCall::kOpen: return "open";
    case DiskCall::kMake: return "make";
    case DiskCall::kRead: return "read";
    case DiskCall::kWrite: return "write";
    case DiskCall::kSync: return "sync";
    case DiskCall::kResize: return "resize";
    case DiskCall::kRename: return "rename";
    case DiskCall::kRemove: return "remove";
    case DiskCall::kClose: return "close";
  }
  return "?";
}

const char* NameOf(DiskFault fault) {
  switch (fault) {
    case DiskFault::kErrorOnce: return "EIO once";
    case DiskFault::kErrorLasting: return "lasting EIO";
    case DiskFault::kShortWrite: return "short write";
    case DiskFault::kNoSpace: return "no space";
  }
  return "?";
}

FaultyDisk::FaultyDisk(std::string directory, Zones zones)
    : directory_(std::move(directory)), zones_(std::move(zones)) {
  FaultyDisk* none = nullptr;
  if (!g_disk.compare_exchange_strong(none, this)) {
    std::fprintf(stderr, "there can be but one FaultyDisk at a time\n");
    std::abort();
  }
}

FaultyDisk::~FaultyDisk() { g_disk = nullptr; }

void FaultyDisk::Arm(const DiskPlace& place, DiskFault fault, uint64_t failures) {
  const std::lock_guard lock(mutex_);
  place_ = place;
  fault_ = fault;
  failures_left_ = failures;
  armed_ = true;
  lasting_ = false;
}

void FaultyDisk::FillUpAfter(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  room_ = bytes;
  failures_left_ = kUnlimited;
}

void FaultyDisk::MendAfterFailures(uint64_t failures) {
  const std::lock_guard lock(mutex_);
  failures_left_ = failures;
}

void FaultyDisk::Mend() {
  const std::lock_guard lock(mutex_);
  armed_ = lasting_ = false;
  room_ = kUnlimited;
}

uint64_t FaultyDisk::failed() const {
  const std::lock_guard lock(mutex_);
  return failed_;
}

FaultyDisk::Counts FaultyDisk::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void FaultyDisk::Record() {
  const std::lock_guard lock(order_);
  recording_ = true;
}

void FaultyDisk::Mark(uint64_t value) {
  const std::lock_guard lock(order_);
  if (recording_) history_.Add({.kind = DiskHistory::Kind::kMark, .node = value});
}

bool FaultyDisk::Has(std::string_view path, std::string& name) const {
  if (!path.starts_with(directory_)) return false;
  path.remove_prefix(directory_.size());
  if (!path.empty() && path.front() != '/') return false;
  while (!path.empty() && path.front() == '/') path.remove_prefix(1);
  name = std::string(path);
  return true;
}

bool FaultyDisk::TakesSpace(DiskCall call) const {
  return call == DiskCall::kWrite || call == DiskCall::kMake || call == DiskCall::kRename;
}

bool FaultyDisk::Breaks(const std::string& zone, DiskCall call) const {
  if (lasting_) return fault_ != DiskFault::kNoSpace || TakesSpace(call);
  return armed_ && zone == place_.zone && call == place_.call &&
         counts_.at({zone, call}) >= place_.nth;
}

FaultyDisk::Verdict FaultyDisk::Ask(const std::string& zone, DiskCall call, size_t bytes,
                                    size_t new_bytes) {
  const std::lock_guard lock(mutex_);
  ++counts_[{zone, call}];
  Verdict verdict{.error = 0, .allowed = bytes};
  if (Breaks(zone, call)) {
    verdict.error = fault_ == DiskFault::kNoSpace ? ENOSPC : EIO;
    verdict.allowed = 0;
    if (fault_ == DiskFault::kShortWrite && bytes > 1) {
      // The next one fails.
      verdict.allowed = bytes / 2;
      fault_ = DiskFault::kErrorOnce;
    } else if (fault_ == DiskFault::kErrorLasting || fault_ == DiskFault::kNoSpace) {
      lasting_ = true;
    } else {
      armed_ = false;
    }
  } else if (room_ != kUnlimited && TakesSpace(call)) {
    // A new name takes a byte.
    const uint64_t needed = call == DiskCall::kWrite ? new_bytes : 1;
    const uint64_t taken = std::min(room_, needed);
    room_ -= taken;
    verdict.allowed = bytes - std::min<uint64_t>(bytes, needed - taken);
    if (taken < needed) verdict.error = ENOSPC;
  }
  if (verdict.error == 0) return verdict;
  ++failed_;
  if (failures_left_ != kUnlimited && failures_left_-- <= 1) {
    armed_ = lasting_ = false;
    room_ = kUnlimited;
    failures_left_ = kUnlimited;
  }
  return verdict;
}

void FaultyDisk::Opened(int fd, const std::string& name, bool made) {
  // Under OrderLock, as all that changes names.
  uint64_t node = 0;
  if (recording_) {
    if (made) history_.Make(name);
    node = history_.NodeOf(name);
  }
  const std::lock_guard lock(mutex_);
  files_[fd] = {zones_(name), node};
}

bool FaultyDisk::Find(int fd, File& file) const {
  const std::lock_guard lock(mutex_);
  const auto found = files_.find(fd);
  if (found == files_.end()) return false;
  file = found->second;
  return true;
}

bool FaultyDisk::Closed(int fd, File& file) {
  const std::lock_guard lock(mutex_);
  const auto found = files_.find(fd);
  if (found == files_.end()) return false;
  file = std::move(found->second);
  files_.erase(found);
  return true;
}

}  // namespace warren::testing
