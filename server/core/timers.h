// What waits for time, one timer an owner: queues, exchanges, leases, producers, deletions of
// virtual hosts and changes of policies, which only wait for the next step.
//
// A timer may go off early, never late: owners whose deadline moves away needn't tell, since an
// early call finds nothing to do and sets the timer anew. That keeps the hot path (messages that
// expire, consumed before they do) off this tree. Equal times go by kind and id, so runs repeat
// exactly. Broker thread only.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>

namespace warren::core {

enum class TimerKind : uint8_t { kQueue, kExchange, kLease, kProducers, kDeletions, kPolicies };

// When an owner's timer goes off; part of the owner.
struct TimerState {
  int64_t at_ms = kOff;
  static constexpr int64_t kOff = std::numeric_limits<int64_t>::max();
};

class Timers {
 public:
  struct Fired {
    TimerKind kind;
    uint64_t id;
  };

  // Makes sure that the timer goes off at `at_ms` at the latest.
  void GoOffBy(TimerState& state, TimerKind kind, uint64_t id, int64_t at_ms) {
    if (at_ms >= state.at_ms) return;
    Stop(state, kind, id);
    state.at_ms = at_ms;
    timers_.insert({at_ms, kind, id});
  }

  void Stop(TimerState& state, TimerKind kind, uint64_t id) {
    if (state.at_ms == TimerState::kOff) return;
    timers_.erase({state.at_ms, kind, id});
    state.at_ms = TimerState::kOff;
  }

  std::optional<int64_t> Next() const {
    if (timers_.empty()) return std::nullopt;
    return timers_.begin()->at_ms;
  }

  // The first timer that is due. Its owner must Stop it before it is set again.
  std::optional<Fired> Due(int64_t now_ms) const {
    if (timers_.empty() || timers_.begin()->at_ms > now_ms) return std::nullopt;
    return Fired{timers_.begin()->kind, timers_.begin()->id};
  }

 private:
  struct Timer {
    int64_t at_ms;
    TimerKind kind;
    uint64_t id;
    auto operator<=>(const Timer&) const = default;
  };
  std::set<Timer> timers_;
};

}  // namespace warren::core
