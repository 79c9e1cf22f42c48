#include "tools/bench/receiver.h"

#include <algorithm>

namespace warren::tools {
namespace {

// More than any workload has.
constexpr uint64_t kMostProducers = 1 << 20;

}  // namespace

Receiver::Receiver(Target& target, const Workload& workload, int index, Counters& counters)
    : queue_(workload.QueueName(index % workload.queues)),
      queues_(static_cast<uint64_t>(workload.queues)),
      counters_(counters),
      link_(target.NewConsumeLink(workload)) {}

absl::Status Receiver::Start() {
  return link_->Open(queue_, [this](std::string_view body, bool redelivered) {
    OnDelivery(body, redelivered);
  });
}

absl::Status Receiver::Stop() { return link_->Stop(); }

void Receiver::OnDelivery(std::string_view body, bool redelivered) {
  const BodyStamp stamp = ReadStamp(body);
  if (stamp.due_ns >= counters_.measure_from_ns.load(std::memory_order_relaxed)) {
    latency_.Record(NowNs() - stamp.due_ns);
  }
  if (redelivered) {
    ++counters_.redelivered;
  } else if (body.size() >= kNumberedBodyBytes && !InOrder(stamp)) {
    ++counters_.out_of_order;
  }
  counters_.consumed.fetch_add(1, std::memory_order_relaxed);
}

bool Receiver::InOrder(const BodyStamp& stamp) {
  // The queue may hold what others put there.
  if (stamp.producer >= kMostProducers) return true;
  if (stamp.producer >= next_.size()) next_.resize(stamp.producer + 1, 0);
  uint64_t& next = next_[stamp.producer];
  const bool first_of_a_run = stamp.number < queues_;
  const bool in_order = stamp.number >= next || first_of_a_run;
  next = std::max(first_of_a_run ? 0 : next, stamp.number + 1);
  return in_order;
}

}  // namespace warren::tools
