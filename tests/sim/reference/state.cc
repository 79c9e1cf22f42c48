#include "tests/sim/reference/state.h"

#include <algorithm>

namespace warren::sim {
namespace {

// The least by `before` of those that `wanted` picks.
template <typename Wanted, typename Before>
Copy* Least(std::vector<Copy>& copies, Wanted wanted, Before before) {
  Copy* least = nullptr;
  for (Copy& copy : copies) {
    if (wanted(copy) && (least == nullptr || before(copy, *least))) least = &copy;
  }
  return least;
}

bool IsReady(const Copy& copy) { return copy.place == core::EntryPlace::kReady; }

}  // namespace

uint64_t ReferenceQueue::ready() const {
  return static_cast<uint64_t>(std::count_if(copies.begin(), copies.end(), IsReady));
}

uint64_t ReferenceQueue::ready_bytes() const {
  uint64_t bytes = 0;
  for (const Copy& copy : copies) bytes += IsReady(copy) ? copy.bytes() : 0;
  return bytes;
}

bool ReferenceQueue::IsOver(uint64_t extra_messages, uint64_t extra_bytes) const {
  if (options.max_length != 0 && ready() + extra_messages > options.max_length) return true;
  return options.max_length_bytes != 0 && ready_bytes() + extra_bytes > options.max_length_bytes;
}

Copy* ReferenceQueue::Head() {
  return Least(copies, IsReady, [](const Copy& a, const Copy& b) {
    return a.priority != b.priority ? a.priority > b.priority : a.position < b.position;
  });
}

Copy* ReferenceQueue::OldestOfLowest() {
  return Least(copies, IsReady, [](const Copy& a, const Copy& b) {
    return a.priority != b.priority ? a.priority < b.priority : a.position < b.position;
  });
}

Copy* ReferenceQueue::EarliestDeadline() {
  return Least(
      copies, [](const Copy& c) { return DeadlineOf(c) != 0; },
      [](const Copy& a, const Copy& b) {
        return DeadlineOf(a) != DeadlineOf(b) ? DeadlineOf(a) < DeadlineOf(b)
                                              : a.position < b.position;
      });
}

Copy* ReferenceQueue::Unsettled(core::ConsumerId consumer, uint64_t tag) {
  for (Copy& copy : copies) {
    const bool unsettled = copy.place == core::EntryPlace::kUnsettled;
    if (unsettled && copy.consumer == consumer && copy.tag == tag) return &copy;
  }
  return nullptr;
}

Copy* ReferenceQueue::LastUnsettled(core::ConsumerId consumer) {
  return Least(
      copies,
      [consumer](const Copy& c) {
        return c.place == core::EntryPlace::kUnsettled && c.consumer == consumer;
      },
      [](const Copy& a, const Copy& b) { return a.tag > b.tag; });
}

void ReferenceQueue::Erase(const Copy& copy) {
  copies.erase(copies.begin() + (&copy - copies.data()));
}

int64_t DeadlineOf(const Copy& copy) {
  if (copy.place == core::EntryPlace::kReady) return copy.expires_at_ms;
  if (copy.place != core::EntryPlace::kDelayed) return 0;
  return copy.expires_at_ms != 0 ? std::min(copy.expires_at_ms, copy.due_at_ms) : copy.due_at_ms;
}

ReferenceQueue* ReferenceState::FindQueue(std::string_view name) {
  for (auto& [number, queue] : queues) {
    if (queue.name == name) return &queue;
  }
  return nullptr;
}

ReferenceExchange* ReferenceState::FindExchange(std::string_view name) {
  const auto it = std::find_if(exchanges.begin(), exchanges.end(),
                               [name](const ReferenceExchange& e) { return e.name == name; });
  return it != exchanges.end() ? &*it : nullptr;
}

}  // namespace warren::sim
