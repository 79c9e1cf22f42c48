#include "server/metrics/monitor.h"

#include <cstdlib>
#include <utility>

#include "server/metrics/auth_families.h"
#include "server/metrics/broker_families.h"
#include "server/metrics/families.h"
#include "server/metrics/process_families.h"

namespace warren::metrics {

absl::StatusOr<std::unique_ptr<Monitor>> Monitor::Listen(const std::string& address,
                                                         const runtime::Stats& stats,
                                                         runtime::Vitals& vitals,
                                                         const runtime::StallReporter& stalls,
                                                         MonitorFacts facts) {
  std::unique_ptr<Monitor> monitor(new Monitor(stats, vitals, stalls, std::move(facts)));
  Monitor& m = *monitor;
  auto port = HttpPort::Listen(
      address, {{"/metrics", [&m](const Query&) { return m.Metrics(); }},
                {"/metrics/detailed", [&m](const Query& q) { return m.detailed_.Serve(q); }},
                {"/livez", [&m](const Query&) { return m.health_.Live(); }},
                {"/readyz", [&m](const Query&) { return m.health_.Ready(); }},
                {"/startupz", [&m](const Query&) { return m.health_.Started(); }}});
  if (!port.ok()) return port.status();
  monitor->port_ = *std::move(port);
  return monitor;
}

Monitor::Monitor(const runtime::Stats& stats, runtime::Vitals& vitals,
                 const runtime::StallReporter& stalls, MonitorFacts facts)
    : stats_(stats),
      vitals_(vitals),
      stalls_(stalls),
      facts_(std::move(facts)),
      detailed_(vitals),
      health_(stats, vitals, stalls) {}

void Monitor::SetGrpcAddress(const std::string& address) {
  grpc_port_ = static_cast<uint16_t>(std::atoi(address.c_str() + address.rfind(':') + 1));
}

std::optional<Snapshot> Monitor::LatestSnapshot() {
  std::optional<Snapshot> now = TakeSnapshot(vitals_);
  const MutexLock lock(mutex_);
  if (now) last_ = now;
  return last_;
}

Page Monitor::Metrics() {
  const std::optional<Snapshot> now = LatestSnapshot();
  Families families;
  families.Gauge("warren_build_info", "What is running; always 1.")
      .Add(1, {{"version", facts_.version}, {"revision", facts_.revision}});
  families.Gauge("warren_identity_info", "Which broker this is; always 1.")
      .Add(1, {{"node", facts_.node}});
  if (now) {
    AddStateFamilies(*now, families);
    AddPublishingFamilies(*now, stats_, families);
    AddConsumingFamilies(*now, families);
  }
  if (const uint16_t port = grpc_port_; port != 0) {
    families.Gauge("warren_connections", "Connections to the gRPC port.")
        .Add(static_cast<double>(CountConnections(port)));
  }
  families
      .Gauge("warren_memory_limit_bytes",
             "Bytes of queued messages above which publishers are held.")
      .Add(static_cast<double>(facts_.memory_limit));
  AddStorageFamilies(facts_.storage_backend, now ? &*now : nullptr, stats_, stalls_, vitals_,
                     families);
  if (facts_.owned_by_one) AddShardFamilies(vitals_, families);
  AddDiskFamilies(facts_.folders, facts_.disk_free_limit, families);
  AddRpcFamilies(stats_.rpcs, families);
  AddAuthFamilies(*facts_.auth, families);
  AddProcessFamilies(families);
  return {.type = kTextFormat, .body = families.Text()};
}

}  // namespace warren::metrics
