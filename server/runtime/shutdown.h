// How the broker stops: what comes when, decided from a few facts after each turn of the loop.
//
//   serving   until a stop is requested
//   draining  publishes are held, nothing more is delivered; settlements go on until nothing is
//             unsettled, no consumer is left to settle, or the drain timeout
//   flushing  the broker has finished; its last batch becomes durable
//   ending    calls hear that it is over; those that linger are cut off after a short grace
//   over      no call is left
//
// If the journal fails, everything but `ending` is skipped: nothing may be released any more.
//
// Pure: time comes in. Loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"

namespace warren::runtime {

struct ShutdownOptions {
  int64_t drain_timeout_ms = 10'000;
  // For the last batch; a store that stalls longer ends the broker with an error.
  int64_t flush_timeout_ms = 10'000;
};

class Shutdown {
 public:
  enum class Phase : uint8_t { kServing, kDraining, kFlushing, kEnding, kOver };

  struct Facts {
    uint64_t unsettled_messages = 0;
    size_t consumers = 0;
    bool journal_done = false;  // nothing is pending or being written
    bool listener_down = false;
    int handlers = 0;
  };

  explicit Shutdown(const ShutdownOptions& options);

  // From the next Advance on. A second request changes nothing.
  void Request() { requested_ = true; }
  void Fail(absl::Status status);

  // The next phase if the facts allow one. The caller carries out what the phase begins with, and
  // asks again.
  std::optional<Phase> Advance(int64_t now_ms, const Facts& facts);
  // When Advance has to be called at the latest, if nothing else happens.
  std::optional<int64_t> NextDeadline() const;

  Phase phase() const { return phase_; }
  bool failed() const { return !failure_.ok(); }
  // Why the broker had to stop; OK if it was asked to.
  const absl::Status& failure() const { return failure_; }

  // UNAVAILABLE since draining began: for calls that publish or want deliveries.
  const absl::Status& stopping() const;
  // UNAVAILABLE since ending began: for all calls.
  const absl::Status& ended() const;

 private:
  std::optional<Phase> Enter(Phase phase, int64_t now_ms);

  const ShutdownOptions options_;
  const absl::Status unavailable_;
  const absl::Status ok_;

  bool requested_ = false;
  absl::Status failure_;
  Phase phase_ = Phase::kServing;
  int64_t phase_began_ms_ = 0;
};

}  // namespace warren::runtime
