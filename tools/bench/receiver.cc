#include "tools/bench/receiver.h"

#include <algorithm>

namespace warren::tools {

Receiver::Receiver(Target& target, const Workload& workload, std::optional<uint64_t> run, int index,
                   Arrivals& arrivals, Counters& counters)
    : queue_(workload.QueueName(index % workload.queues)),
      run_(run),
      arrivals_(arrivals),
      counters_(counters),
      link_(target.NewConsumeLink(workload)) {}

absl::Status Receiver::Start() {
  return link_->Open(queue_, [this](std::string_view body, bool redelivered) {
    OnDelivery(body, redelivered);
  });
}

absl::Status Receiver::Stop() { return link_->Stop(); }

void Receiver::OnDelivery(std::string_view body, bool redelivered) {
  counters_.consumed.fetch_add(1, std::memory_order_relaxed);
  const BodyStamp stamp = ReadStamp(body);
  const bool numbered = IsSource(stamp.source);
  if (run_ && body.size() >= kNumberedBodyBytes && !(numbered && RunOf(stamp.source) == *run_)) {
    ++counters_.foreign;
    return;
  }
  if (stamp.due_ns >= counters_.measure_from_ns.load(std::memory_order_relaxed)) {
    latency_.Record(NowNs() - stamp.due_ns);
  }
  if (redelivered) {
    ++counters_.redelivered;
  } else if (numbered && !InOrder(stamp)) {
    ++counters_.out_of_order;
  }
  if (!numbered || arrivals_.Add(stamp.source, stamp.number)) {
    counters_.arrived.fetch_add(1, std::memory_order_relaxed);
  } else if (!redelivered) {
    ++counters_.doubled;
  }
}

bool Receiver::InOrder(const BodyStamp& stamp) {
  uint64_t& next = next_[stamp.source];
  const bool in_order = stamp.number >= next;
  next = std::max(next, stamp.number + 1);
  return in_order;
}

}  // namespace warren::tools
