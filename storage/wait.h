// How a thread waits for trouble to pass: until the time is over, or somebody wants it to stop.
// Thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <utility>

namespace warren::storage {

// False if stopped before.
inline bool WaitUnlessStopped(std::stop_token stop, std::chrono::steady_clock::time_point until) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any stopped;
  stopped.wait_until(lock, stop, until, [] { return false; });
  return !stop.stop_requested();
}

inline bool WaitUnlessStopped(std::stop_token stop, std::chrono::milliseconds time) {
  return WaitUnlessStopped(std::move(stop), std::chrono::steady_clock::now() + time);
}

}  // namespace warren::storage
