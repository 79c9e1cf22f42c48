// One consumer of the load: counts what its link gets, and how long that was on its way.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tools/bench/body.h"
#include "tools/bench/target.h"
#include "tools/bench/workload.h"

namespace warren::tools {

// Thread-compatible; `workload` and `counters` outlive it.
class Receiver {
 public:
  Receiver(Target& target, const Workload& workload, int index, Counters& counters);

  absl::Status Start();
  // Has all settlements taken and ends the link.
  absl::Status Stop();
  // REQUIRES: stopped.
  const Histogram& end_to_end_latency() const { return latency_; }

 private:
  void OnDelivery(std::string_view body, bool redelivered);

  // Whether it comes after all others of its producer.
  bool InOrder(const BodyStamp& stamp);

  const std::string queue_;
  const uint64_t queues_;
  Counters& counters_;
  // Of who calls OnDelivery; the histogram is read after Stop.
  Histogram latency_;
  std::vector<uint64_t> next_;  // by producer: the smallest number that is in order
  std::unique_ptr<ConsumeLink> link_;
};

}  // namespace warren::tools
