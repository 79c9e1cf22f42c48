#include "server/runtime/vitals.h"

#include <utility>

namespace warren::runtime {

class Vitals::Asking {
 public:
  Asking(std::shared_ptr<Asked> asked, std::shared_ptr<std::atomic<int>> unanswered)
      : asked_(std::move(asked)), unanswered_(std::move(unanswered)) {
    ++*unanswered_;
  }
  ~Asking() {
    --*unanswered_;
    const MutexLock lock(asked_->mutex);
    asked_->over = true;
    asked_->changed.NotifyAll();
  }
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;

  void Answer(const Insight& insight) {
    const MutexLock lock(asked_->mutex);
    if (!asked_->question) return;
    asked_->question(insight);
    asked_->answered = asked_->over = true;
    asked_->changed.NotifyAll();
  }

 private:
  const std::shared_ptr<Asked> asked_;
  const std::shared_ptr<std::atomic<int>> unanswered_;
};

Vitals::Phase Vitals::phase() const {
  const MutexLock lock(mutex_);
  return phase_;
}

void Vitals::Recovering(const storage::Journal& journal) {
  const MutexLock lock(mutex_);
  phase_ = Phase::kRecovering;
  journal_ = &journal;
}

void Vitals::Serving(std::function<void(Mail)> post) {
  const MutexLock lock(mutex_);
  phase_ = Phase::kServing;
  post_ = std::move(post);
}

void Vitals::Stopped() {
  const MutexLock lock(mutex_);
  phase_ = Phase::kStopped;
  post_ = nullptr;
  journal_ = nullptr;
}

bool Vitals::LookAtStore(const std::function<void(const storage::Journal&)>& look) const {
  const MutexLock lock(mutex_);
  if (journal_ == nullptr) return false;
  look(*journal_);
  return true;
}

bool Vitals::Ask(std::function<void(const Insight&)> question,
                 std::chrono::milliseconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  const auto asked = std::make_shared<Asked>();
  {
    const MutexLock lock(asked->mutex);
    asked->question = std::move(question);
  }
  {
    const MutexLock lock(mutex_);
    if (!post_ || *unanswered_ >= kMostUnanswered) return false;
    post_(Question{[asking = std::make_shared<Asking>(asked, unanswered_)](
                       const Insight& insight) { asking->Answer(insight); }});
  }
  const MutexLock lock(asked->mutex);
  asked->changed.WaitUntil(asked->mutex, until,
                           [&]() WARREN_REQUIRES(asked->mutex) { return asked->over; });
  asked->question = nullptr;
  return asked->answered;
}

}  // namespace warren::runtime
