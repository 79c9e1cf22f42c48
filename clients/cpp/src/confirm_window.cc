#include "confirm_window.h"

#include <algorithm>
#include <utility>

namespace warren::client {

uint64_t ConfirmWindow::Add(ConfirmCallback callback) {
  slots_.push_back({.callback = std::move(callback), .confirmed = false});
  ++unconfirmed_;
  return next() - 1;
}

void ConfirmWindow::Confirm(const Confirmation& confirmation, std::vector<Due>& due) {
  const uint64_t first = std::max(confirmation.first_sequence, base_);
  const uint64_t end = std::min(confirmation.last_sequence, next() - 1) + 1;
  bool in_run = false;
  for (uint64_t sequence = first; sequence < end; ++sequence) {
    Slot& slot = slots_[sequence - base_];
    if (slot.confirmed) {
      in_run = false;
      continue;
    }
    slot.confirmed = true;
    --unconfirmed_;
    if (!in_run) {
      due.push_back({.range = confirmation, .callbacks = {}, .sequences = {}});
      due.back().range.first_sequence = sequence;
      in_run = true;
    }
    due.back().range.last_sequence = sequence;
    if (slot.callback) {
      due.back().callbacks.push_back(std::move(slot.callback));
      due.back().sequences.push_back(sequence);
    }
  }
  while (!slots_.empty() && slots_.front().confirmed) {
    slots_.pop_front();
    ++base_;
  }
}

}  // namespace warren::client
