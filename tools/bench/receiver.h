// One consumer of the load: a connection and a consume stream; it works on the I/O thread.
#pragma once

#include <memory>
#include <string>

#include "tools/bench/workload.h"
#include "warren/client/consumer.h"

namespace warren::tools {

// Thread-compatible; `workload` and `counters` outlive it.
class Receiver {
 public:
  Receiver(const Workload& workload, int index, Counters& counters);

  absl::Status Start();
  // Has all settlements taken and ends the stream.
  absl::Status Stop();
  // REQUIRES: stopped.
  const Histogram& end_to_end_latency() const { return latency_; }

 private:
  void OnDeliveries(client::Consumer& consumer, const client::DeliveryBatch& batch);

  const Workload& workload_;
  const std::string queue_;
  Counters& counters_;
  Histogram latency_;        // I/O thread; read after Stop
  uint32_t unsettled_ = 0;   // I/O thread
  std::atomic<uint64_t> last_tag_{0};
  std::unique_ptr<client::Connection> connection_;
  std::unique_ptr<client::Consumer> consumer_;
};

}  // namespace warren::tools
