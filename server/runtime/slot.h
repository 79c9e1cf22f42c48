// A slot: how a thread gets its work from the loop, one piece at a time.
//
// Thread safety: Put from one thread, Take from another, Close from any.
//
// Invariants:
// 1. What was put is taken once, also if the slot is closed meanwhile.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

#include "server/base/check.h"

namespace warren::runtime {

template <typename Work>
class Slot {
 public:
  // REQUIRES: what was put before has been taken.
  void Put(Work work) {
    {
      const std::lock_guard lock(mutex_);
      WARREN_CHECK(!work_.has_value());
      work_ = std::move(work);
    }
    changed_.notify_one();
  }

  // Waits for a piece of work; none if the slot is closed and empty.
  std::optional<Work> Take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return work_.has_value() || closed_; });
    return std::exchange(work_, std::nullopt);
  }

  // No more is put.
  void Close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    changed_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_:
  std::optional<Work> work_;
  bool closed_ = false;
};

}  // namespace warren::runtime
