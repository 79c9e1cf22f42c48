#include "server/api/confirm_clock.h"

#include <algorithm>

namespace warren::api {

void ConfirmClock::Arrived(uint64_t first, uint64_t last) {
  batches_.push_back(
      {.first = first, .last = last, .open = last - first + 1, .arrived = Clock::now()});
  at_once_ = true;
}

void ConfirmClock::Confirmed(const core::Confirmed& confirmed, runtime::Stats& stats) {
  auto& seconds = at_once_ ? stats.confirm_at_once_seconds : stats.confirm_stored_seconds;
  const Clock::time_point now = Clock::now();
  const auto ends_before = [](const Batch& batch, uint64_t sequence) {
    return batch.last < sequence;
  };
  auto batch = std::lower_bound(batches_.begin(), batches_.end(), confirmed.first_sequence,
                                ends_before);
  for (; batch != batches_.end() && batch->first <= confirmed.last_sequence; ++batch) {
    const uint64_t messages = std::min(batch->last, confirmed.last_sequence) -
                              std::max(batch->first, confirmed.first_sequence) + 1;
    batch->open -= messages;
    if (confirmed.outcome != core::Outcome::kAccepted) continue;
    seconds.Observe(std::chrono::duration<double>(now - batch->arrived).count(), messages);
  }
  while (!batches_.empty() && batches_.front().open == 0) batches_.pop_front();
}

}  // namespace warren::api
