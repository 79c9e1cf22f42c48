// The simulated journal: batches travel to a disk as the bytes that the durable stores write, and
// come back decoded. A crash loses the tail that wasn't synced and may tear the record that was
// being written. Thread-compatible.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "storage/live_state.h"
#include "tests/sim/random.h"

namespace warren::sim {

class Disk {
 public:
  // ---- While the broker runs ----
  // A batch is on its way.
  void Take(storage::Batch batch);
  size_t in_flight() const { return in_flight_.size(); }
  // The oldest one on its way has arrived, as far as the next two are concerned: sometimes the
  // writer doesn't know and writes it again.
  void CommitOldest(Random& random);
  // The highest batch of this run that is on disk; 0: none.
  uint64_t committed() const { return committed_; }

  // ---- Crashes ----
  // Of what was on its way, any part has arrived; the numbers start anew. Returns the highest batch
  // that is on disk.
  uint64_t Crash(Random& random);
  const storage::LiveState& state() const { return state_; }

  // What was read back isn't what was written; "" if nothing was wrong.
  const std::string& problem() const { return problem_; }

 private:
  struct Written {
    uint64_t lsn = 0;
    std::string bytes;  // one frame
  };
  void Apply(const std::string& frame);

  std::deque<Written> in_flight_;
  uint64_t committed_ = 0;
  storage::LiveState state_;
  std::string problem_;
};

}  // namespace warren::sim
