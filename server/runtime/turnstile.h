// Turnstile: where frames of publishers wait until all else that a turn brought has been done.
//
// Publishers fill queues as fast as they are let; consumers empty them no faster than their
// prefetch goes to and fro. Served in the order of arrival, each acknowledgement would wait behind
// a frame of every publisher, and ten busy publishers would starve the consumer of what they
// publish. So what settles, delivers and confirms goes first, and publishers share what is left of
// the turn. What goes first is bounded by what was published, so publishers are held up, never
// starved: one passes each turn whatever the time.
//
// A small frame is let through at once if nobody waits: to wait would cost more than to take it.
//
// Loop thread only.
//
// Invariant: who waits passes in the order of arrival.
#pragma once

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <deque>

namespace warren::runtime {

class Turnstile {
 public:
  static constexpr size_t kSmallBytes = size_t{16} << 10;

  // co_await turnstile.Pass(frame.Length());
  auto Pass(size_t frame_bytes) {
    struct Waiting {
      Turnstile* turnstile;
      bool small;
      bool await_ready() const { return small; }
      void await_suspend(std::coroutine_handle<> waiter) const {
        turnstile->waiting_.push_back(waiter);
      }
      void await_resume() const {}
    };
    return Waiting{this, waiting_.empty() && frame_bytes <= kSmallBytes};
  }

  bool empty() const { return waiting_.empty(); }

  // Lets the first pass, and others until it is `until`; no more than wait now.
  void Run(std::chrono::steady_clock::time_point until) {
    for (size_t left = waiting_.size(); left > 0; --left) {
      const std::coroutine_handle<> next = waiting_.front();
      waiting_.pop_front();
      next.resume();
      if (std::chrono::steady_clock::now() >= until) return;
    }
  }

 private:
  std::deque<std::coroutine_handle<>> waiting_;
};

}  // namespace warren::runtime
