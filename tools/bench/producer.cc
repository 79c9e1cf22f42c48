#include "tools/bench/producer.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace warren::tools {
namespace {

// The first of `total` that belongs to one of `parts`; all parts together are `total`.
uint64_t Share(uint64_t total, int parts, int index) {
  const auto n = static_cast<uint64_t>(parts);
  return total / n + (static_cast<uint64_t>(index) < total % n ? 1 : 0);
}

}  // namespace

Producer::Producer(const Workload& workload, int index, Counters& counters)
    : workload_(workload),
      index_(index),
      counters_(counters),
      due_ns_(std::bit_ceil(workload.window + 1)) {}

Producer::~Producer() {
  counters_.stop = true;
  if (publisher_ != nullptr) publisher_->Close();
  if (thread_.joinable()) thread_.join();
}

absl::Status Producer::Start() {
  auto connection = client::Connection::Open(workload_.connection);
  if (!connection.ok()) return connection.status();
  connection_ = *std::move(connection);
  client::PublisherOptions options;
  options.max_unconfirmed = workload_.window;
  options.on_confirm = [this](const client::Confirmation& c) { OnConfirm(c); };
  auto publisher = client::Publisher::Open(*connection_, std::move(options));
  if (!publisher.ok()) return publisher.status();
  publisher_ = *std::move(publisher);
  thread_ = std::thread([this] {
    status_ = Publish();
    done_ = true;
  });
  return absl::OkStatus();
}

absl::Status Producer::Join() {
  if (!done_) publisher_->Close();
  thread_.join();
  if (!status_.ok()) return status_;
  return publisher_->Flush(std::chrono::minutes(1));
}

absl::Status Producer::Publish() {
  v1::Publication publication;
  v1::Message& message = *publication.mutable_message();
  message.set_delivery_mode(workload_.persistent ? v1::DELIVERY_MODE_PERSISTENT
                                                 : v1::DELIVERY_MODE_TRANSIENT);
  std::string& body = *message.mutable_body();
  body.assign(std::max(workload_.size_bytes, sizeof(int64_t)), 'w');
  std::vector<std::string> keys;
  for (int i = 0; i < workload_.queues; ++i) {
    keys.push_back(workload_.queue_prefix + std::to_string((i + index_) % workload_.queues));
  }

  const uint64_t limit = workload_.count == 0
                             ? UINT64_MAX
                             : Share(workload_.count, workload_.producers, index_);
  const double interval_ns = workload_.rate > 0 ? 1e9 * workload_.producers / workload_.rate : 0;
  const int64_t start_ns = NowNs();
  uint64_t sequence = publisher_->resumed_from();
  for (uint64_t i = 0; i < limit && !counters_.stop.load(std::memory_order_relaxed); ++i) {
    int64_t due_ns = NowNs();
    if (interval_ns > 0) {
      const int64_t now_ns = due_ns;
      due_ns = start_ns + static_cast<int64_t>(static_cast<double>(i) * interval_ns);
      if (due_ns > now_ns) std::this_thread::sleep_for(std::chrono::nanoseconds(due_ns - now_ns));
    }
    std::memcpy(body.data(), &due_ns, sizeof(due_ns));
    publication.set_routing_key(keys[i % keys.size()]);
    ++sequence;
    due_ns_[sequence & (due_ns_.size() - 1)].store(due_ns, std::memory_order_relaxed);
    if (auto published = publisher_->Publish(publication); !published.ok()) {
      return published.status();
    }
    counters_.published.fetch_add(1, std::memory_order_relaxed);
  }
  return absl::OkStatus();
}

void Producer::OnConfirm(const client::Confirmation& confirmation) {
  const uint64_t messages = confirmation.last_sequence - confirmation.first_sequence + 1;
  (confirmation.ok() ? counters_.confirmed : counters_.refused) += messages;
  const int64_t now_ns = NowNs();
  const int64_t from_ns = counters_.measure_from_ns.load(std::memory_order_relaxed);
  for (uint64_t i = confirmation.first_sequence; i <= confirmation.last_sequence; ++i) {
    const int64_t due_ns = due_ns_[i & (due_ns_.size() - 1)].load(std::memory_order_relaxed);
    if (due_ns >= from_ns) latency_.Record(now_ns - due_ns);
  }
}

}  // namespace warren::tools
