// What an operator sees of the broker from outside, on its HTTP port: /metrics, /metrics/detailed,
// /livez, /readyz and /startupz. It listens before the store is opened, so that a broker that waits
// or recovers can be asked what it does.
//
// Thread safety: thread-safe; pages are made on threads of the port.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/auth/stats.h"
#include "server/metrics/detailed.h"
#include "server/metrics/health.h"
#include "server/metrics/http_port.h"
#include "server/metrics/snapshot.h"
#include "server/metrics/storage_families.h"
#include "server/runtime/stall_reporter.h"
#include "server/runtime/stats.h"
#include "server/runtime/vitals.h"
#include "sync/mutex.h"

namespace warren::metrics {

struct MonitorFacts {
  std::string version;
  std::string revision;
  std::string node;             // this broker's name among others
  std::string storage_backend;  // the scheme of --storage
  bool owned_by_one = false;    // brokers take turns at the store
  uint64_t memory_limit = 0;    // bytes
  uint64_t disk_free_limit = 0;  // bytes
  std::vector<Folder> folders;
  const auth::Stats* auth = nullptr;  // never null; outlives the monitor
};

class Monitor {
 public:
  // All must outlive it. UNAVAILABLE if the address can't be bound.
  static absl::StatusOr<std::unique_ptr<Monitor>> Listen(const std::string& address,
                                                         const runtime::Stats& stats,
                                                         runtime::Vitals& vitals,
                                                         const runtime::StallReporter& stalls,
                                                         MonitorFacts facts);
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  // HOST:PORT, with the port that was bound.
  const std::string& address() const { return port_->address(); }

  // The gRPC port is open: its connections can be counted. `address` is HOST:PORT.
  void SetGrpcAddress(const std::string& address);

 private:
  Monitor(const runtime::Stats& stats, runtime::Vitals& vitals,
          const runtime::StallReporter& stalls, MonitorFacts facts);

  Page Metrics();
  // The loop's numbers, or the last ones if it doesn't answer: counters must not vanish.
  std::optional<Snapshot> LatestSnapshot();

  const runtime::Stats& stats_;
  runtime::Vitals& vitals_;
  const runtime::StallReporter& stalls_;
  const MonitorFacts facts_;
  Detailed detailed_;
  Health health_;
  std::atomic<uint16_t> grpc_port_{0};  // 0: not open yet
  Mutex mutex_;
  std::optional<Snapshot> last_ WARREN_GUARDED_BY(mutex_);

  std::unique_ptr<HttpPort> port_;  // last: it uses all of the above
};

}  // namespace warren::metrics
