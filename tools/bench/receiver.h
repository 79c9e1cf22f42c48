// One consumer of the load: counts what its link gets, and how long that was on its way.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "tools/bench/arrivals.h"
#include "tools/bench/body.h"
#include "tools/bench/target.h"
#include "tools/bench/workload.h"

namespace warren::tools {

// Thread-compatible; `workload`, `arrivals` and `counters` outlive it.
class Receiver {
 public:
  // `run`: messages of others are there by chance; none: whatever comes is what is wanted.
  // `arrivals` is shared by all consumers among whom a message is to arrive once.
  Receiver(Target& target, const Workload& workload, std::optional<uint64_t> run, int index,
           Arrivals& arrivals, Counters& counters);

  absl::Status Start();
  // Has all settlements taken and ends the link.
  absl::Status Stop();
  // REQUIRES: stopped.
  const Histogram& end_to_end_latency() const { return latency_; }

 private:
  void OnDelivery(std::string_view body, bool redelivered);

  // Whether it comes after all others of its source.
  bool InOrder(const BodyStamp& stamp);

  const std::string queue_;
  const std::optional<uint64_t> run_;
  Arrivals& arrivals_;
  Counters& counters_;
  // Of who calls OnDelivery; the histogram is read after Stop.
  Histogram latency_;
  absl::flat_hash_map<uint64_t, uint64_t> next_;  // by source: the smallest number that is in order
  std::unique_ptr<ConsumeLink> link_;
};

}  // namespace warren::tools
