// How a thread waits for trouble to pass: until the time is over, or somebody wants it to stop.
// Thread-safe.
#pragma once

#include <chrono>
#include <stop_token>
#include <utility>

#include "sync/mutex.h"

namespace warren::storage {

// False if stopped before.
inline bool WaitUnlessStopped(std::stop_token stop, std::chrono::steady_clock::time_point until) {
  Mutex mutex;
  CondVar stopped;
  const std::stop_callback wake(stop, [&] {
    // Not between the waiter's look and its wait.
    const MutexLock lock(mutex);
    stopped.NotifyAll();
  });
  const MutexLock lock(mutex);
  return !stopped.WaitUntil(mutex, until, [&stop] { return stop.stop_requested(); });
}

inline bool WaitUnlessStopped(std::stop_token stop, std::chrono::milliseconds time) {
  return WaitUnlessStopped(std::move(stop), std::chrono::steady_clock::now() + time);
}

}  // namespace warren::storage
