// SIGTERM and SIGINT as a request to stop, SIGHUP as one to read the configuration anew; taken by a thread of its own.
//
// Construct it first, on the main thread: threads that start later inherit that these signals are
// blocked, so that no other one is interrupted. Thread-safe.
#pragma once

#include <pthread.h>

#include <atomic>
#include <functional>
#include <thread>

#include "sync/mutex.h"

namespace warren::runtime {

class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  bool stop_requested() const { return requested_.load(); }

  // Called on the signals' thread with each request, and at once if there was one already. Null:
  // nobody; the one before isn't called any more after this returned.
  void OnStop(std::function<void()> callback);

  // The same for SIGHUP; without a callback it does nothing.
  void OnReload(std::function<void()> callback);

 private:
  void Run();

  std::atomic<bool> requested_{false};
  std::atomic<bool> ending_{false};
  Mutex mutex_;
  std::function<void()> callback_ WARREN_GUARDED_BY(mutex_);
  std::function<void()> reload_ WARREN_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace warren::runtime
