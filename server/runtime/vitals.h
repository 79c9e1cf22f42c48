// How far the broker is on its way from start to end, and a way to ask its loop something: for the
// threads that answer for its health and its numbers.
//
// What the core counts is plain numbers on the loop's thread, which cost it nothing beyond the
// counting. Whoever wants them has the loop copy them out between two completions.
//
// Thread safety: thread-safe.
//
// Invariants:
// 1. A question is not carried out any more once Ask has returned.
// 2. A loop that doesn't answer makes Ask fail, never block for longer than its patience.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "server/runtime/mail.h"
#include "storage/journal.h"
#include "sync/mutex.h"

namespace warren::runtime {

class Vitals {
 public:
  // In this order.
  enum class Phase : uint8_t { kOpening, kRecovering, kServing, kStopped };

  Phase phase() const;
  // The store is open, and its messages come. `journal` is looked at until Stopped.
  void Recovering(const storage::Journal& journal);
  // The loop runs. `post` is its, and doesn't call back.
  void Serving(std::function<void(Mail)> post);
  // Before the loop goes, and before the journal does.
  void Stopped();

  // Has the loop call `question` on its thread, and waits for that. False if it didn't within
  // `patience`, or there is no loop. A question looks and copies: it holds everybody up meanwhile.
  bool Ask(std::function<void(const Insight&)> question, std::chrono::milliseconds patience);

  // Calls `look`, on this thread, if the store is open; whether it is.
  bool LookAtStore(const std::function<void(const storage::Journal&)>& look) const;

 private:
  // What asker and mail share; the mail may outlive the asker's patience.
  struct Asked {
    Mutex mutex;
    CondVar changed;
    std::function<void(const Insight&)> question WARREN_GUARDED_BY(mutex);  // null: given up
    bool answered WARREN_GUARDED_BY(mutex) = false;
    bool over WARREN_GUARDED_BY(mutex) = false;  // answered, or never to be
  };
  // The mail's end of it: wherever that ends, the asker waits no longer.
  class Asking;

  // Questions that a loop has before it is taken for stuck, so that they can't fill its inbox.
  static constexpr int kMostUnanswered = 32;

  mutable Mutex mutex_;
  Phase phase_ WARREN_GUARDED_BY(mutex_) = Phase::kOpening;
  std::function<void(Mail)> post_ WARREN_GUARDED_BY(mutex_);
  const storage::Journal* journal_ WARREN_GUARDED_BY(mutex_) = nullptr;
  const std::shared_ptr<std::atomic<int>> unanswered_ = std::make_shared<std::atomic<int>>(0);
};

}  // namespace warren::runtime
