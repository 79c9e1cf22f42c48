// What the completion queue's tags point to, and the awaitable for one operation on it.
//
// Loop thread only.
//
// Invariant: a tag stays where it is until the queue has given it back. An Operation lives in the
// frame of the coroutine that awaits it, which can't end before.
#pragma once

#include <coroutine>
#include <utility>

namespace warren::runtime {

class Completion {
 public:
  // The operation has ended. What `ok` means depends on the operation (grpc::CompletionQueue).
  virtual void Complete(bool ok) = 0;

  void* tag() { return this; }
  static Completion* FromTag(void* tag) { return static_cast<Completion*>(tag); }

 protected:
  ~Completion() = default;
};

// const bool ok = co_await Operation([&](void* tag) { stream.Read(&frame, tag); });
template <typename Start>
class Operation final : public Completion {
 public:
  explicit Operation(Start start) : start_(std::move(start)) {}

  void Complete(bool ok) override {
    ok_ = ok;
    waiter_.resume();
  }

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    start_(tag());
  }
  bool await_resume() const { return ok_; }

 private:
  Start start_;
  std::coroutine_handle<> waiter_;
  bool ok_ = false;
};

}  // namespace warren::runtime
