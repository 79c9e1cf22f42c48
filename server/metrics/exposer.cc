#include "server/metrics/exposer.h"

#include <prometheus/collectable.h>
#include <prometheus/exposer.h>
#include <prometheus/metric_family.h>

#include <exception>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/runtime/flow_control.h"

namespace warren::metrics {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

class Collector final : public prometheus::Collectable {
 public:
  Collector(const runtime::Stats& stats, ExposerFacts facts)
      : stats_(stats), facts_(std::move(facts)) {}

  std::vector<MetricFamily> Collect() const override {
    std::vector<MetricFamily> families;
    AddState(families);
    AddMessages(families);
    AddStorage(families);
    return families;
  }

 private:
  static MetricFamily& Family(std::vector<MetricFamily>& families, std::string name,
                              std::string help, MetricType type) {
    return families.emplace_back(
        MetricFamily{"warren_" + std::move(name), std::move(help), type, {}});
  }

  static void Gauge(MetricFamily& family, double value, Labels labels = {}) {
    ClientMetric metric;
    metric.label = std::move(labels);
    metric.gauge.value = value;
    family.metric.push_back(std::move(metric));
  }

  static void Counter(MetricFamily& family, const runtime::Cell& cell, Labels labels = {}) {
    ClientMetric metric;
    metric.label = std::move(labels);
    metric.counter.value = static_cast<double>(cell.value());
    family.metric.push_back(std::move(metric));
  }

  void AddState(std::vector<MetricFamily>& families) const {
    Gauge(Family(families, "build_info", "The running version; always 1.", MetricType::Gauge), 1,
          {{"version", facts_.version}});
    const auto gauge = [&](const char* name, const char* help, const runtime::Cell& cell) {
      Gauge(Family(families, name, help, MetricType::Gauge), static_cast<double>(cell.value()));
    };
    gauge("queues", "Queues.", stats_.queues);
    gauge("exchanges", "Exchanges, predeclared ones included.", stats_.exchanges);
    gauge("bindings", "Bindings.", stats_.bindings);
    gauge("consumers", "Consumers.", stats_.consumers);
    gauge("publishers", "Open publishers.", stats_.publishers);
    MetricFamily& messages = Family(families, "queue_messages", "Messages in all queues, by state.",
                                    MetricType::Gauge);
    Gauge(messages, static_cast<double>(stats_.ready_messages.value()), {{"state", "ready"}});
    Gauge(messages, static_cast<double>(stats_.unsettled_messages.value()),
          {{"state", "unsettled"}});
    Gauge(messages, static_cast<double>(stats_.delayed_messages.value()), {{"state", "delayed"}});
    gauge("memory_used_bytes", "Bytes of bodies of all messages in queues.", stats_.body_bytes);
    Gauge(Family(families, "memory_limit_bytes",
                 "Bytes of bodies above which publishers are held.", MetricType::Gauge),
          static_cast<double>(facts_.memory_limit));
    gauge("publishers_blocked", "Whether publishers are held.", stats_.publishers_held);
    AddAlarms(families);
  }

  void AddAlarms(std::vector<MetricFamily>& families) const {
    using runtime::HoldReason;
    const auto reason = static_cast<HoldReason>(stats_.hold_reason.value());
    MetricFamily& alarms = Family(families, "alarm_active",
                                  "Whether publishers are held for this reason.",
                                  MetricType::Gauge);
    Gauge(alarms, reason == HoldReason::kMemory ? 1 : 0, {{"alarm", "memory"}});
    Gauge(alarms, reason == HoldReason::kStorage ? 1 : 0, {{"alarm", "storage"}});
  }

  void AddMessages(std::vector<MetricFamily>& families) const {
    Counter(Family(families, "messages_received_total", "Messages that publishers sent.",
                   MetricType::Counter),
            stats_.messages_received);
    MetricFamily& confirmed = Family(families, "messages_confirmed_total",
                                     "Messages answered to their publishers, by result.",
                                     MetricType::Counter);
    Counter(confirmed, stats_.messages_accepted, {{"result", "accepted"}});
    Counter(confirmed, stats_.messages_duplicate, {{"result", "duplicate"}});
    Counter(confirmed, stats_.messages_unroutable, {{"result", "unroutable"}});
    Counter(confirmed, stats_.messages_rejected, {{"result", "rejected"}});
    MetricFamily& delivered = Family(families, "messages_delivered_total",
                                     "Messages sent to consumers.", MetricType::Counter);
    Counter(delivered, stats_.messages_pushed_manual, {{"method", "push"}, {"ack", "manual"}});
    Counter(delivered, stats_.messages_pushed_auto, {{"method", "push"}, {"ack", "auto"}});
    Counter(delivered, stats_.messages_pulled_manual, {{"method", "pull"}, {"ack", "manual"}});
    Counter(delivered, stats_.messages_pulled_auto, {{"method", "pull"}, {"ack", "auto"}});
  }

  void AddStorage(std::vector<MetricFamily>& families) const {
    const Labels backend = {{"backend", facts_.storage_backend}};
    MetricFamily& commits = Family(families, "storage_commit_seconds",
                                   "How long a batch took to become durable.",
                                   MetricType::Histogram);
    ClientMetric metric;
    metric.label = backend;
    const auto& cells = stats_.commit_seconds;
    uint64_t count = 0;
    for (size_t i = 0; i <= cells.bounds().size(); ++i) {
      count += cells.count(i);
      const double bound = i < cells.bounds().size() ? cells.bounds()[i]
                                                     : std::numeric_limits<double>::infinity();
      metric.histogram.bucket.push_back({count, bound});
    }
    metric.histogram.sample_count = count;
    metric.histogram.sample_sum = cells.sum();
    commits.metric.push_back(std::move(metric));
    Counter(Family(families, "storage_written_bytes_total", "Bytes of bodies made durable.",
                   MetricType::Counter),
            stats_.bytes_written, backend);
    Gauge(Family(families, "storage_pending_records", "Records that wait for the store.",
                 MetricType::Gauge),
          static_cast<double>(stats_.pending_records.value()), backend);
    Gauge(Family(families, "storage_pending_bytes", "Bytes of bodies that wait for the store.",
                 MetricType::Gauge),
          static_cast<double>(stats_.pending_body_bytes.value()), backend);
    Gauge(Family(families, "recovery_seconds", "How long recovery at start took.",
                 MetricType::Gauge),
          static_cast<double>(stats_.recovery_millis.value()) / 1000);
    Gauge(Family(families, "recovered_messages", "Messages that recovery at start found.",
                 MetricType::Gauge),
          static_cast<double>(stats_.recovered_messages.value()));
  }

  const runtime::Stats& stats_;
  const ExposerFacts facts_;
};

class PrometheusExposer final : public Exposer {
 public:
  PrometheusExposer(const std::string& address, std::shared_ptr<Collector> collector)
      : host_(address.substr(0, address.rfind(':'))),
        collector_(std::move(collector)),
        exposer_(address, kThreads) {
    exposer_.RegisterCollectable(collector_);
  }

  std::string address() const override {
    const std::vector<int> ports = exposer_.GetListeningPorts();
    return absl::StrCat(host_, ":", ports.empty() ? 0 : ports.front());
  }

 private:
  static constexpr size_t kThreads = 2;

  const std::string host_;
  const std::shared_ptr<Collector> collector_;  // the exposer holds it weakly
  prometheus::Exposer exposer_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Exposer>> Exposer::Listen(const std::string& address,
                                                         const runtime::Stats& stats,
                                                         ExposerFacts facts) {
  try {
    return std::make_unique<PrometheusExposer>(
        address, std::make_shared<Collector>(stats, std::move(facts)));
  } catch (const std::exception& error) {
    return Error(absl::StatusCode::kUnavailable, "ADDRESS_UNAVAILABLE", {"address", address, ""},
                 std::string(absl::StrCat("can't serve HTTP on ", address, ": ", error.what(),
                                          "; choose another --http, or an empty one")));
  }
}

}  // namespace warren::metrics
