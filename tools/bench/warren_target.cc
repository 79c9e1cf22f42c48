#include "tools/bench/warren_target.h"

#include <atomic>
#include <utility>

#include "tools/bench/warren_transactions.h"
#include "warren/client/consumer.h"
#include "warren/client/publisher.h"

namespace warren::tools {
namespace {

constexpr std::chrono::minutes kFlushPatience{1};

class WarrenPublishLink : public PublishLink {
 public:
  WarrenPublishLink(client::Connection& connection, const Workload& workload)
      : connection_(connection), workload_(workload) {}

  absl::Status Open(OnConfirm on_confirm) override {
    client::PublisherOptions options;
    options.max_unconfirmed = workload_.window;
    options.on_confirm = [on_confirm = std::move(on_confirm)](const client::Confirmation& c) {
      on_confirm(c.first_sequence, c.last_sequence, c.ok());
    };
    auto publisher = client::Publisher::Open(connection_, std::move(options));
    if (!publisher.ok()) return publisher.status();
    publisher_ = *std::move(publisher);
    publication_.set_exchange(workload_.ExchangeName());
    publication_.mutable_message()->set_delivery_mode(
        workload_.persistent ? v1::DELIVERY_MODE_PERSISTENT : v1::DELIVERY_MODE_TRANSIENT);
    return absl::OkStatus();
  }

  absl::Status Publish(const std::string& routing_key, const std::string& body) override {
    publication_.set_routing_key(routing_key);
    publication_.mutable_message()->set_body(body);
    return publisher_->Publish(publication_).status();
  }

  absl::Status Flush() override { return publisher_->Flush(kFlushPatience); }

  void Close() override {
    if (publisher_ != nullptr) publisher_->Close();
  }

 private:
  client::Connection& connection_;
  const Workload& workload_;
  v1::Publication publication_;
  std::unique_ptr<client::Publisher> publisher_;
};

class WarrenConsumeLink : public ConsumeLink {
 public:
  WarrenConsumeLink(client::Connection& connection, uint32_t ack_lag, const Workload& workload)
      : connection_(connection), ack_lag_(ack_lag), workload_(workload) {}

  absl::Status Open(const std::string& queue, OnDelivery on_delivery) override {
    on_delivery_ = std::move(on_delivery);
    client::ConsumerOptions options;
    options.subscribe.set_queue(queue);
    options.subscribe.set_prefetch_messages(workload_.prefetch);
    options.subscribe.set_auto_ack(workload_.ack_batch == 0);
    options.on_deliveries = [this](client::Consumer& consumer, client::DeliveryBatch batch) {
      OnDeliveries(consumer, batch);
    };
    auto consumer = client::Consumer::Open(connection_, std::move(options));
    if (!consumer.ok()) return consumer.status();
    consumer_ = *std::move(consumer);
    return absl::OkStatus();
  }

  absl::Status Stop() override {
    absl::Status status;
    if (workload_.ack_batch > 1 && last_tag_ != 0) status = consumer_->AckUpTo(last_tag_);
    if (status.ok() && workload_.ack_batch > 0) status = consumer_->Flush();
    consumer_.reset();
    return status;
  }

 private:
  void OnDeliveries(client::Consumer& consumer, const client::DeliveryBatch& batch) {
    for (const v1::Delivery& delivery : batch) {
      on_delivery_(delivery.message().body(), delivery.redelivered());
      // An ack that comes too late for the stream shows in Stop.
      if (workload_.ack_batch == 1) {
        static_cast<void>(consumer.Ack(delivery.delivery_tag()));
      } else if (workload_.ack_batch > 1 && ++unsettled_ >= workload_.ack_batch) {
        // Tags count from 1.
        if (const uint64_t tag = delivery.delivery_tag(); tag > ack_lag_) {
          static_cast<void>(consumer.AckUpTo(tag - ack_lag_));
        }
        unsettled_ = 0;
      }
    }
    last_tag_ = batch[batch.size() - 1].delivery_tag();
  }

  client::Connection& connection_;
  const uint32_t ack_lag_;
  const Workload& workload_;
  OnDelivery on_delivery_;
  uint32_t unsettled_ = 0;  // I/O thread
  std::atomic<uint64_t> last_tag_{0};
  std::unique_ptr<client::Consumer> consumer_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Target>> WarrenTarget::Connect(Options options) {
  Connections connections;
  for (int i = 0; i < options.connections; ++i) {
    auto connection = client::Connection::Open(options.connection);
    if (!connection.ok()) return connection.status();
    connections.push_back(*std::move(connection));
  }
  return std::unique_ptr<Target>(new WarrenTarget(std::move(options), std::move(connections)));
}

client::Connection& WarrenTarget::NextConnection() {
  return *connections_[next_++ % connections_.size()];
}

absl::Status WarrenTarget::DeclareQueue(const std::string& name, bool durable) {
  v1::DeclareQueueRequest request;
  request.set_name(name);
  request.mutable_options()->set_durable(durable);
  return connections_.front()->DeclareQueue(request).status();
}

absl::Status WarrenTarget::DeleteQueue(const std::string& name) {
  v1::DeleteQueueRequest request;
  request.set_name(name);
  return connections_.front()->DeleteQueue(request).status();
}

absl::Status WarrenTarget::DeclareExchange(const std::string& name, Topology type, bool durable) {
  v1::DeclareExchangeRequest request;
  request.set_name(name);
  request.mutable_options()->set_type(type == Topology::kTopic ? v1::EXCHANGE_TYPE_TOPIC
                                                               : v1::EXCHANGE_TYPE_FANOUT);
  request.mutable_options()->set_durable(durable);
  return connections_.front()->DeclareExchange(request).status();
}

absl::Status WarrenTarget::DeleteExchange(const std::string& name) {
  v1::DeleteExchangeRequest request;
  request.set_name(name);
  return connections_.front()->DeleteExchange(request).status();
}

absl::Status WarrenTarget::Bind(const std::string& exchange, const std::string& queue,
                                const std::string& routing_key) {
  v1::BindRequest request;
  request.mutable_binding()->set_source(exchange);
  request.mutable_binding()->set_queue(queue);
  request.mutable_binding()->set_routing_key(routing_key);
  return connections_.front()->Bind(request).status();
}

std::unique_ptr<PublishLink> WarrenTarget::NewPublishLink(const Workload& workload) {
  client::Connection& connection = NextConnection();
  if (workload.transaction > 0) return NewTransactionPublishLink(connection, workload);
  return std::make_unique<WarrenPublishLink>(connection, workload);
}

std::unique_ptr<ConsumeLink> WarrenTarget::NewConsumeLink(const Workload& workload) {
  client::Connection& connection = NextConnection();
  if (workload.transaction > 0) return NewTransactionConsumeLink(connection, workload);
  return std::make_unique<WarrenConsumeLink>(connection, options_.ack_lag, workload);
}

}  // namespace warren::tools
