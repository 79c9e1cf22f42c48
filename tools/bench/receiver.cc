#include "tools/bench/receiver.h"

#include <cstring>

namespace warren::tools {

Receiver::Receiver(Target& target, const Workload& workload, int index, Counters& counters)
    : queue_(workload.QueueName(index % workload.queues)),
      counters_(counters),
      link_(target.NewConsumeLink(workload)) {}

absl::Status Receiver::Start() {
  return link_->Open(queue_, [this](std::string_view body, bool redelivered) {
    OnDelivery(body, redelivered);
  });
}

absl::Status Receiver::Stop() { return link_->Stop(); }

void Receiver::OnDelivery(std::string_view body, bool redelivered) {
  int64_t due_ns = 0;
  if (body.size() >= sizeof(due_ns)) std::memcpy(&due_ns, body.data(), sizeof(due_ns));
  if (due_ns >= counters_.measure_from_ns.load(std::memory_order_relaxed)) {
    latency_.Record(NowNs() - due_ns);
  }
  if (redelivered) ++counters_.redelivered;
  counters_.consumed.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace warren::tools
