#include "server/runtime/shutdown.h"

#include <utility>

#include "server/base/error.h"

namespace warren::runtime {

Shutdown::Shutdown(const ShutdownOptions& options)
    : options_(options),
      unavailable_(Error(absl::StatusCode::kUnavailable, "SHUTTING_DOWN", {"broker", "", ""},
                         "the broker is stopping; connect again later")) {}

void Shutdown::Fail(absl::Status status) {
  if (failure_.ok()) failure_ = std::move(status);
}

std::optional<Shutdown::Phase> Shutdown::Advance(int64_t now_ms, const Facts& facts) {
  if (failed() && phase_ < Phase::kEnding) return Enter(Phase::kEnding, now_ms);
  const int64_t waited_ms = now_ms - phase_began_ms_;
  switch (phase_) {
    case Phase::kServing:
      if (requested_) return Enter(Phase::kDraining, now_ms);
      break;
    case Phase::kDraining:
      if (facts.unsettled_messages == 0 || facts.consumers == 0 ||
          waited_ms >= options_.drain_timeout_ms) {
        return Enter(Phase::kFlushing, now_ms);
      }
      break;
    case Phase::kFlushing:
      if (facts.journal_done) return Enter(Phase::kEnding, now_ms);
      if (waited_ms >= options_.flush_timeout_ms) {
        Fail(Error(absl::StatusCode::kDeadlineExceeded, "STORAGE_STALLED", {"store", "", ""},
                   "the store did not take the last batch in time; what it holds was never "
                   "confirmed"));
        return Enter(Phase::kEnding, now_ms);
      }
      break;
    case Phase::kEnding:
      if (facts.listener_down && facts.handlers == 0) return Enter(Phase::kOver, now_ms);
      break;
    case Phase::kOver:
      break;
  }
  return std::nullopt;
}

std::optional<int64_t> Shutdown::NextDeadline() const {
  if (phase_ == Phase::kDraining) return phase_began_ms_ + options_.drain_timeout_ms;
  if (phase_ == Phase::kFlushing) return phase_began_ms_ + options_.flush_timeout_ms;
  return std::nullopt;
}

const absl::Status& Shutdown::stopping() const {
  return phase_ >= Phase::kDraining ? unavailable_ : ok_;
}

const absl::Status& Shutdown::ended() const {
  return phase_ >= Phase::kEnding ? unavailable_ : ok_;
}

std::optional<Shutdown::Phase> Shutdown::Enter(Phase phase, int64_t now_ms) {
  phase_ = phase;
  phase_began_ms_ = now_ms;
  return phase;
}

}  // namespace warren::runtime
