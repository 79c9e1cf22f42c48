#include "tools/bench/receiver.h"

#include <cstring>

namespace warren::tools {

Receiver::Receiver(const Workload& workload, int index, Counters& counters)
    : workload_(workload),
      queue_(workload.queue_prefix + std::to_string(index % workload.queues)),
      counters_(counters) {}

absl::Status Receiver::Start() {
  auto connection = client::Connection::Open(workload_.connection);
  if (!connection.ok()) return connection.status();
  connection_ = *std::move(connection);
  client::ConsumerOptions options;
  options.subscribe.set_queue(queue_);
  options.subscribe.set_prefetch_messages(workload_.prefetch);
  options.subscribe.set_auto_ack(workload_.ack_batch == 0);
  options.on_deliveries = [this](client::Consumer& consumer, client::DeliveryBatch batch) {
    OnDeliveries(consumer, batch);
  };
  auto consumer = client::Consumer::Open(*connection_, std::move(options));
  if (!consumer.ok()) return consumer.status();
  consumer_ = *std::move(consumer);
  return absl::OkStatus();
}

absl::Status Receiver::Stop() {
  absl::Status status;
  if (workload_.ack_batch > 1 && last_tag_ != 0) status = consumer_->AckUpTo(last_tag_);
  if (status.ok() && workload_.ack_batch > 0) status = consumer_->Flush();
  consumer_.reset();
  return status;
}

void Receiver::OnDeliveries(client::Consumer& consumer, const client::DeliveryBatch& batch) {
  const int64_t now_ns = NowNs();
  const int64_t from_ns = counters_.measure_from_ns.load(std::memory_order_relaxed);
  uint64_t redelivered = 0;
  for (const v1::Delivery& delivery : batch) {
    const std::string& body = delivery.message().body();
    int64_t due_ns = 0;
    if (body.size() >= sizeof(due_ns)) std::memcpy(&due_ns, body.data(), sizeof(due_ns));
    if (due_ns >= from_ns) latency_.Record(now_ns - due_ns);
    redelivered += delivery.redelivered() ? 1 : 0;
    // An ack that comes too late for the stream shows in Stop.
    if (workload_.ack_batch == 1) {
      static_cast<void>(consumer.Ack(delivery.delivery_tag()));
    } else if (workload_.ack_batch > 1 && ++unsettled_ >= workload_.ack_batch) {
      static_cast<void>(consumer.AckUpTo(delivery.delivery_tag()));
      unsettled_ = 0;
    }
  }
  last_tag_ = batch[batch.size() - 1].delivery_tag();
  counters_.redelivered += redelivered;
  counters_.consumed += batch.size();
}

}  // namespace warren::tools
