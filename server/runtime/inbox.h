// Inbox: what other threads (the journal writer, the signal handler's, later other loops) have to
// tell a loop. Bounded; in order.
//
// The loop sleeps inside the completion queue, so whoever posts may have to wake it. That costs a
// system call and an event; it is done only if the loop really sleeps: it arms the inbox before it
// goes to sleep, and the first post after that calls `wake`, once.
//
// Thread safety: Post and Close from any thread; the rest from the loop's thread.
//
// Invariants:
// 1. After Arm returned true, `wake` is called by the next Post, unless Disarm comes first.
// 2. Mail is never lost but by Close, after which Post refuses it.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include "sync/mutex.h"

namespace warren::runtime {

template <typename Mail>
class Inbox {
 public:
  // `wake` is called on posting threads, one at a time. It must not call back.
  Inbox(size_t capacity, std::function<void()> wake)
      : capacity_(capacity), wake_(std::move(wake)) {}
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  // Waits for room. False if the inbox is closed: the mail is dropped.
  bool Post(Mail mail) {
    const MutexLock lock(mutex_);
    room_.Wait(mutex_, [this]() WARREN_REQUIRES(mutex_) {
      return closed_ || mail_.size() < capacity_;
    });
    if (closed_) return false;
    mail_.push_back(std::move(mail));
    waiting_.store(true, std::memory_order_release);
    if (std::exchange(armed_, false)) wake_();
    return true;
  }

  // Cheap: whether Take would give something.
  bool HasMail() const { return waiting_.load(std::memory_order_acquire); }

  // All that is there, into `mail`, which must be empty.
  void Take(std::vector<Mail>& mail) {
    const MutexLock lock(mutex_);
    std::swap(mail, mail_);
    waiting_.store(false, std::memory_order_release);
    room_.NotifyAll();
  }

  // The loop wants to be woken from now on. False, and not armed, if there is mail already.
  bool Arm() {
    const MutexLock lock(mutex_);
    armed_ = mail_.empty();
    return armed_;
  }

  // False if `wake` was called since Arm returned true.
  bool Disarm() {
    const MutexLock lock(mutex_);
    return std::exchange(armed_, false);
  }

  // Nobody is woken after it returned; posts that wait for room are refused.
  void Close() {
    const MutexLock lock(mutex_);
    closed_ = true;
    armed_ = false;
    room_.NotifyAll();
  }

 private:
  const size_t capacity_;
  const std::function<void()> wake_;

  // Mirrors !mail_.empty(), so that the loop can look without the lock.
  std::atomic<bool> waiting_{false};

  Mutex mutex_;
  CondVar room_;
  std::vector<Mail> mail_ WARREN_GUARDED_BY(mutex_);
  bool armed_ WARREN_GUARDED_BY(mutex_) = false;
  bool closed_ WARREN_GUARDED_BY(mutex_) = false;
};

}  // namespace warren::runtime
