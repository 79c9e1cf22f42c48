// A slot: how a thread gets its work from the loop, one piece at a time.
//
// Thread safety: Put from one thread, Take from another, Close from any.
//
// Invariants:
// 1. What was put is taken once, also if the slot is closed meanwhile.
#pragma once

#include <optional>
#include <utility>

#include "server/base/check.h"
#include "sync/mutex.h"

namespace warren::runtime {

template <typename Work>
class Slot {
 public:
  // REQUIRES: what was put before has been taken.
  void Put(Work work) {
    {
      const MutexLock lock(mutex_);
      WARREN_CHECK(!work_.has_value());
      work_ = std::move(work);
    }
    changed_.NotifyOne();
  }

  // Waits for a piece of work; none if the slot is closed and empty.
  std::optional<Work> Take() {
    const MutexLock lock(mutex_);
    changed_.Wait(mutex_, [this]() WARREN_REQUIRES(mutex_) {
      return work_.has_value() || closed_;
    });
    return std::exchange(work_, std::nullopt);
  }

  // No more is put.
  void Close() {
    {
      const MutexLock lock(mutex_);
      closed_ = true;
    }
    changed_.NotifyOne();
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::optional<Work> work_ WARREN_GUARDED_BY(mutex_);
  bool closed_ WARREN_GUARDED_BY(mutex_) = false;
};

}  // namespace warren::runtime
