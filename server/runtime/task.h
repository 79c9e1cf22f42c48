// Task: a coroutine that runs on the loop's thread, so that a call's handler reads from top to
// bottom although it waits for the completion queue in between.
//
// A task starts at once and runs until its first wait. It is either awaited by another one, exactly
// once, or detached; a detached one frees itself at its end. An exception that leaves a task ends
// the process (the project throws none).
//
// Loop thread only.
//
// Invariants:
// 1. A task that isn't detached outlives its coroutine: it is destroyed only after it was awaited.
// 2. Whoever awaits goes on as soon as the task ends, on the same thread.
#pragma once

#include <coroutine>
#include <exception>
#include <utility>

#include "server/base/check.h"

namespace warren::runtime {

class [[nodiscard]] Task {
 public:
  struct promise_type;
  using Handle = std::coroutine_handle<promise_type>;

  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (handle_) {
      WARREN_CHECK(handle_.done());
      handle_.destroy();
    }
  }

  // Lets it run on by itself.
  void Detach() &&;

  bool await_ready() const { return handle_.done(); }
  void await_suspend(std::coroutine_handle<> waiter);
  void await_resume() const {}

 private:
  explicit Task(Handle handle) : handle_(handle) {}

  Handle handle_;
};

struct Task::promise_type {
  // Resumes the waiter, or frees a detached coroutine.
  struct AtEnd {
    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(Handle ended) noexcept {
      const promise_type& promise = ended.promise();
      if (promise.waiter) return promise.waiter;
      if (promise.detached) ended.destroy();
      return std::noop_coroutine();
    }
    void await_resume() const noexcept {}
  };

  Task get_return_object() { return Task(Handle::from_promise(*this)); }
  std::suspend_never initial_suspend() const { return {}; }
  AtEnd final_suspend() const noexcept { return {}; }
  void return_void() const {}
  void unhandled_exception() const { std::terminate(); }

  std::coroutine_handle<> waiter;
  bool detached = false;
};

inline void Task::Detach() && {
  const Handle handle = std::exchange(handle_, nullptr);
  if (handle.done()) {
    handle.destroy();
  } else {
    handle.promise().detached = true;
  }
}

inline void Task::await_suspend(std::coroutine_handle<> waiter) {
  handle_.promise().waiter = waiter;
}

}  // namespace warren::runtime
