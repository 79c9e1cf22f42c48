#include "server/metrics/exposer.h"

#include <prometheus/collectable.h>
#include <prometheus/exposer.h>
#include <prometheus/metric_family.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <exception>
#include <limits>
#include <memory>
#include <stop_token>
#include <thread>
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

// Makes the families anew for each scrape.
class Collector final : public prometheus::Collectable {
 public:
  Collector(const runtime::Stats& stats, ExposerFacts facts)
      : stats_(stats), facts_(std::move(facts)) {}

  std::vector<MetricFamily> Collect() const override {
    const core::Usage usage = stats_.usage.Get();
    std::vector<MetricFamily> families;
    AddState(usage, families);
    AddPublishing(usage, families);
    AddConsuming(usage, families);
    AddStorage(usage, families);
    return families;
  }

 private:
  static MetricFamily& Family(std::vector<MetricFamily>& families, std::string name,
                              std::string help, MetricType type) {
    return families.emplace_back(
        MetricFamily{"warren_" + std::move(name), std::move(help), type, {}});
  }

  template <typename Number>
  static void Add(MetricFamily& family, Number value, Labels labels = {}) {
    ClientMetric metric;
    metric.label = std::move(labels);
    (family.type == MetricType::Gauge ? metric.gauge.value : metric.counter.value) =
        static_cast<double>(value);
    family.metric.push_back(std::move(metric));
  }

  template <typename Number>
  static void Gauge(std::vector<MetricFamily>& families, std::string name, std::string help,
                    Number value, Labels labels = {}) {
    Add(Family(families, std::move(name), std::move(help), MetricType::Gauge), value,
        std::move(labels));
  }

  template <typename Number>
  static void Counter(std::vector<MetricFamily>& families, std::string name, std::string help,
                      Number value, Labels labels = {}) {
    Add(Family(families, std::move(name), std::move(help), MetricType::Counter), value,
        std::move(labels));
  }

  void AddState(const core::Usage& usage, std::vector<MetricFamily>& families) const {
    Gauge(families, "build_info", "The running version; always 1.", 1,
          {{"version", facts_.version}});
    Gauge(families, "queues", "Queues.", usage.queues);
    Gauge(families, "exchanges", "Exchanges, predeclared ones included.", usage.exchanges);
    Gauge(families, "bindings", "Bindings.", usage.bindings);
    Gauge(families, "consumers", "Consumers.", usage.consumers);
    Gauge(families, "publishers", "Open publishers.", usage.publishers);
    MetricFamily& messages = Family(families, "queue_messages", "Messages in all queues, by state.",
                                    MetricType::Gauge);
    Add(messages, usage.ready_messages, {{"state", "ready"}});
    Add(messages, usage.unsettled_messages, {{"state", "unsettled"}});
    Add(messages, usage.delayed_messages, {{"state", "delayed"}});
    Gauge(families, "memory_used_bytes", "About what all messages in queues take.",
          usage.memory_bytes);
    Gauge(families, "memory_limit_bytes", "Bytes of queued messages above which publishers are held.",
          facts_.memory_limit);
  }

  void AddPublishing(const core::Usage& usage, std::vector<MetricFamily>& families) const {
    using runtime::HoldReason;
    const auto reason = static_cast<HoldReason>(stats_.hold_reason.value());
    Gauge(families, "publishers_blocked", "Whether publishers are held.",
          stats_.publishers_held.value());
    MetricFamily& alarms = Family(families, "alarm_active",
                                  "Whether publishers are held for this reason.",
                                  MetricType::Gauge);
    Add(alarms, reason == HoldReason::kMemory ? 1 : 0, {{"alarm", "memory"}});
    Add(alarms, reason == HoldReason::kStorage ? 1 : 0, {{"alarm", "storage"}});
    Counter(families, "messages_received_total", "Messages that publishers sent.",
            stats_.messages_received.value());
    MetricFamily& confirmed = Family(families, "messages_confirmed_total",
                                     "Messages answered to their publishers, by result.",
                                     MetricType::Counter);
    Add(confirmed, stats_.messages_accepted.value(), {{"result", "accepted"}});
    Add(confirmed, stats_.messages_duplicate.value(), {{"result", "duplicate"}});
    Add(confirmed, stats_.messages_unroutable.value(), {{"result", "unroutable"}});
    Add(confirmed, stats_.messages_rejected.value(), {{"result", "rejected"}});
    Counter(families, "messages_enqueued_total",
            "Copies that joined a queue, by publishing or dead-lettering.", usage.enqueued_total);
    Counter(families, "messages_unroutable_total", "Published messages that no queue would get.",
            usage.unroutable_total);
  }

  static void AddConsuming(const core::Usage& usage, std::vector<MetricFamily>& families) {
    Counter(families, "messages_delivered_total", "Messages handed to consumers and Get.",
            usage.delivered_total);
    Counter(families, "messages_redelivered_total", "Of these, those that had been before.",
            usage.redelivered_total);
    MetricFamily& settled = Family(families, "messages_settled_total",
                                   "Deliveries that ended, by outcome; requeue includes those of "
                                   "consumers that left.",
                                   MetricType::Counter);
    Add(settled, usage.acked_total, {{"outcome", "ack"}});
    Add(settled, usage.requeued_total, {{"outcome", "requeue"}});
    Add(settled, usage.rejected_total, {{"outcome", "reject"}});
    Counter(families, "messages_expired_total", "Messages that left a queue by reason of time.",
            usage.expired_total);
    Counter(families, "messages_overflowed_total", "Messages that left because the queue was full.",
            usage.overflowed_total);
    Counter(families, "messages_exhausted_total",
            "Messages that left because they were delivered too often.", usage.exhausted_total);
    Counter(families, "messages_dead_lettered_total",
            "Messages that left a queue for a dead-letter exchange.", usage.dead_lettered_total);
    Counter(families, "messages_dead_letters_lost_total", "Of these, those that no queue took.",
            usage.dead_letters_lost_total);
  }

  void AddStorage(const core::Usage& usage, std::vector<MetricFamily>& families) const {
    const Labels backend = {{"backend", facts_.storage_backend}};
    AddCommits(Family(families, "storage_commit_seconds",
                      "How long a batch took to become durable.", MetricType::Histogram),
               backend);
    Counter(families, "storage_written_bytes_total", "Bytes of bodies made durable.",
            stats_.bytes_written.value(), backend);
    Gauge(families, "storage_pending_records", "Records that wait for the store.",
          usage.pending_records, backend);
    Gauge(families, "storage_pending_bytes", "Bytes of bodies that wait for the store.",
          usage.pending_body_bytes, backend);
    Gauge(families, "recovery_seconds", "How long recovery at start took.",
          static_cast<double>(stats_.recovery_millis.value()) / 1000);
    Gauge(families, "recovered_messages", "Messages that recovery at start found.",
          usage.recovered_total);
  }

  void AddCommits(MetricFamily& family, const Labels& labels) const {
    const auto& cells = stats_.commit_seconds;
    ClientMetric metric;
    metric.label = labels;
    uint64_t count = 0;
    for (size_t i = 0; i <= cells.bounds().size(); ++i) {
      count += cells.count(i);
      const double bound = i < cells.bounds().size() ? cells.bounds()[i]
                                                     : std::numeric_limits<double>::infinity();
      metric.histogram.bucket.push_back({count, bound});
    }
    metric.histogram.sample_count = count;
    metric.histogram.sample_sum = cells.sum();
    family.metric.push_back(std::move(metric));
  }

  const runtime::Stats& stats_;
  const ExposerFacts facts_;
};

}  // namespace

namespace {

// Connects to this machine's port and hangs up.
void Knock(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // Where it listens elsewhere only, stopping takes its two seconds.
  static_cast<void>(connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)));
  close(fd);
}

}  // namespace

class Exposer::Impl {
 public:
  Impl(const std::string& address, const runtime::Stats& stats, ExposerFacts facts)
      : collector_(std::make_shared<Collector>(stats, std::move(facts))),
        exposer_(std::make_unique<prometheus::Exposer>(address, kThreads)) {
    exposer_->RegisterCollectable(collector_);
  }

  // The HTTP library looks whether it is to stop only when a connection comes, or after two seconds.
  ~Impl() {
    const uint16_t port = static_cast<uint16_t>(this->port());
    const std::jthread waker([port](const std::stop_token& stopped) {
      while (!stopped.stop_requested()) {
        Knock(port);
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
    });
    exposer_.reset();
  }

  int port() const {
    const std::vector<int> ports = exposer_->GetListeningPorts();
    return ports.empty() ? 0 : ports.front();
  }

 private:
  static constexpr size_t kThreads = 2;

  const std::shared_ptr<Collector> collector_;  // the exposer holds it weakly
  std::unique_ptr<prometheus::Exposer> exposer_;
};

absl::StatusOr<std::unique_ptr<Exposer>> Exposer::Listen(const std::string& address,
                                                         const runtime::Stats& stats,
                                                         ExposerFacts facts) {
  try {
    auto impl = std::make_unique<Impl>(address, stats, std::move(facts));
    std::string bound =
        absl::StrCat(address.substr(0, address.rfind(':')), ":", impl->port());
    return std::unique_ptr<Exposer>(new Exposer(std::move(bound), std::move(impl)));
  } catch (const std::exception& error) {
    return Error(absl::StatusCode::kUnavailable, "ADDRESS_UNAVAILABLE", {"address", address, ""},
                 std::string(absl::StrCat("can't serve HTTP on ", address, ": ", error.what(),
                                          "; choose another --http, or an empty one")));
  }
}

Exposer::Exposer(std::string address, std::unique_ptr<Impl> impl)
    : address_(std::move(address)), impl_(std::move(impl)) {}

Exposer::~Exposer() = default;

}  // namespace warren::metrics
