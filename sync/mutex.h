// A mutex, a lock and a condition variable that clang's thread-safety analysis knows: the standard
// ones with annotations around them. Abseil's would do as well, but Debian's isn't built for
// ThreadSanitizer.
//
// Whatever has threads uses these, and annotates each member that a mutex guards.
//
// Thread safety: thread-safe; a MutexLock belongs to the thread that made it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "sync/thread_annotations.h"

namespace warren {

class WARREN_CAPABILITY("mutex") Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() WARREN_ACQUIRE() { mutex_.lock(); }
  void Unlock() WARREN_RELEASE() { mutex_.unlock(); }

 private:
  friend class CondVar;

  std::mutex mutex_;
};

// Holds a mutex until its own end, with pauses if need be.
class WARREN_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) WARREN_ACQUIRE(mutex) : mutex_(mutex) { mutex_.Lock(); }
  ~MutexLock() WARREN_RELEASE() {
    if (held_) mutex_.Unlock();
  }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  // REQUIRES: it is held.
  void Unlock() WARREN_RELEASE() {
    held_ = false;
    mutex_.Unlock();
  }
  // REQUIRES: it isn't.
  void Lock() WARREN_ACQUIRE() {
    mutex_.Lock();
    held_ = true;
  }

 private:
  Mutex& mutex_;
  bool held_ = true;
};

// Conditions are asked with the mutex held: [this]() WARREN_REQUIRES(mutex_) { return … }.
class CondVar {
 public:
  CondVar() = default;
  CondVar(const CondVar&) = delete;
  CondVar& operator=(const CondVar&) = delete;

  void NotifyOne() { changed_.notify_one(); }
  void NotifyAll() { changed_.notify_all(); }

  // Waits until `condition` holds.
  template <typename Condition>
  void Wait(Mutex& mutex, Condition condition) WARREN_REQUIRES(mutex) WARREN_NOT_ANALYSED {
    std::unique_lock held(mutex.mutex_, std::adopt_lock);
    changed_.wait(held, condition);
    held.release();  // the caller's, as before
  }

  // Waits until `condition` holds or the time is over; whether it holds.
  template <typename Clock, typename Duration, typename Condition>
  bool WaitUntil(Mutex& mutex, std::chrono::time_point<Clock, Duration> until, Condition condition)
      WARREN_REQUIRES(mutex) WARREN_NOT_ANALYSED {
    std::unique_lock held(mutex.mutex_, std::adopt_lock);
    const bool holds = changed_.wait_until(held, until, condition);
    held.release();
    return holds;
  }
  template <typename Rep, typename Period, typename Condition>
  bool WaitFor(Mutex& mutex, std::chrono::duration<Rep, Period> time, Condition condition)
      WARREN_REQUIRES(mutex) {
    return WaitUntil(mutex, std::chrono::steady_clock::now() + time, condition);
  }

 private:
  std::condition_variable changed_;
};

}  // namespace warren
