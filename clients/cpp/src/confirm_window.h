// Which of the published messages await their confirm, and whom to tell.
//
// Sequences are handed out one by one and confirmed in any order, each exactly once: what was
// confirmed before (a resent message is confirmed again, as a duplicate) is passed over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "warren/client/publisher.h"

namespace warren::client {

// Thread-compatible.
class ConfirmWindow {
 public:
  // Whom to tell what, once no lock is held.
  struct Due {
    Confirmation range;  // a run of messages with the same fate
    std::vector<ConfirmCallback> callbacks;  // one a message that has one
    std::vector<uint64_t> sequences;  // theirs
  };

  explicit ConfirmWindow(uint64_t first_sequence) : base_(first_sequence) {}

  // The next sequence. `callback` may be empty.
  uint64_t Add(ConfirmCallback callback);

  // Marks what is still open in [first, last] as confirmed; appends runs to `due`. Sequences never
  // handed out are ignored.
  void Confirm(const Confirmation& confirmation, std::vector<Due>& due);

  // As many as were added and not confirmed.
  size_t unconfirmed() const { return unconfirmed_; }
  // All sequences below it are confirmed.
  uint64_t base() const { return base_; }
  // The one that Add gives next.
  uint64_t next() const { return base_ + slots_.size(); }

 private:
  struct Slot {
    ConfirmCallback callback;
    bool confirmed = false;
  };

  uint64_t base_;  // sequence of slots_[0]
  std::deque<Slot> slots_;
  size_t unconfirmed_ = 0;
};

}  // namespace warren::client
