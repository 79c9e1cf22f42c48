// One consumer of the load: counts what its link gets, and how long that was on its way.
#pragma once

#include <memory>
#include <string>
#include <string_view>

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

  const std::string queue_;
  Counters& counters_;
  Histogram latency_;  // of who calls OnDelivery; read after Stop
  std::unique_ptr<ConsumeLink> link_;
};

}  // namespace warren::tools
