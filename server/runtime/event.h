// Event: how a coroutine waits for something that isn't a completion, such as an outbox that fills.
// It says "look again", not what happened: the waiter checks its conditions in a loop, as with a
// condition variable.
//
// Whoever is woken runs at the end of the loop's turn, never inside Set. So effects can be handed
// out while the broker's step is still being carried out, and all that a turn piles up for a stream
// is seen at once.
//
// Loop thread only.
//
// Invariants:
// 1. A Set that nobody waits for is remembered for the next Wait; several count as one.
// 2. At most one coroutine waits for an event.
#pragma once

#include <coroutine>
#include <utility>
#include <vector>

#include "server/base/check.h"

namespace warren::runtime {

// The coroutines that can go on.
class ReadyQueue {
 public:
  void Add(std::coroutine_handle<> handle) { ready_.push_back(handle); }
  bool empty() const { return ready_.empty(); }

  // Resumes each that is in the queue now; those that join meanwhile wait for the next call.
  void Run() {
    std::swap(ready_, running_);
    for (const std::coroutine_handle<> handle : running_) handle.resume();
    running_.clear();
  }

 private:
  std::vector<std::coroutine_handle<>> ready_;
  std::vector<std::coroutine_handle<>> running_;
};

class Event {
 public:
  explicit Event(ReadyQueue& queue) : queue_(queue) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void Set() {
    if (waiter_) {
      queue_.Add(std::exchange(waiter_, nullptr));
    } else {
      set_ = true;
    }
  }

  // co_await event.Wait(); a remembered Set goes with it.
  auto Wait() {
    struct Waiting {
      Event* event;
      bool await_ready() const { return std::exchange(event->set_, false); }
      void await_suspend(std::coroutine_handle<> waiter) const {
        WARREN_CHECK(!event->waiter_);
        event->waiter_ = waiter;
      }
      void await_resume() const {}
    };
    return Waiting{this};
  }

 private:
  ReadyQueue& queue_;
  std::coroutine_handle<> waiter_;
  bool set_ = false;
};

// co_await NextTurn(loop.ready()): goes on in the loop's next turn, after what else has come by then.
class NextTurn {
 public:
  explicit NextTurn(ReadyQueue& queue) : queue_(queue) {}
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiter) const { queue_.Add(waiter); }
  void await_resume() const {}

 private:
  ReadyQueue& queue_;
};

}  // namespace warren::runtime
