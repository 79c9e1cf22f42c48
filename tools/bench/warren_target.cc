#include "tools/bench/warren_target.h"

#include <atomic>
#include <utility>

#include "warren/client/consumer.h"
#include "warren/client/publisher.h"

namespace warren::tools {
namespace {

constexpr std::chrono::minutes kFlushPatience{1};

class WarrenPublishLink : public PublishLink {
 public:
  WarrenPublishLink(const client::ConnectionOptions& connection, const Workload& workload)
      : options_(connection), workload_(workload) {}

  absl::Status Open(OnConfirm on_confirm) override {
    auto connection = client::Connection::Open(options_);
    if (!connection.ok()) return connection.status();
    connection_ = *std::move(connection);
    client::PublisherOptions options;
    options.max_unconfirmed = workload_.window;
    options.on_confirm = [on_confirm = std::move(on_confirm)](const client::Confirmation& c) {
      on_confirm(c.first_sequence, c.last_sequence, c.ok());
    };
    auto publisher = client::Publisher::Open(*connection_, std::move(options));
    if (!publisher.ok()) return publisher.status();
    publisher_ = *std::move(publisher);
    publication_.mutable_message()->set_delivery_mode(
        workload_.persistent ? v1::DELIVERY_MODE_PERSISTENT : v1::DELIVERY_MODE_TRANSIENT);
    return absl::OkStatus();
  }

  absl::Status Publish(const std::string& queue, const std::string& body) override {
    publication_.set_routing_key(queue);
    publication_.mutable_message()->set_body(body);
    return publisher_->Publish(publication_).status();
  }

  absl::Status Flush() override { return publisher_->Flush(kFlushPatience); }

  void Close() override {
    if (publisher_ != nullptr) publisher_->Close();
  }

 private:
  const client::ConnectionOptions options_;
  const Workload& workload_;
  v1::Publication publication_;
  std::unique_ptr<client::Connection> connection_;
  std::unique_ptr<client::Publisher> publisher_;
};

class WarrenConsumeLink : public ConsumeLink {
 public:
  WarrenConsumeLink(const WarrenTarget::Options& target, const Workload& workload)
      : options_(target), workload_(workload) {}

  absl::Status Open(const std::string& queue, OnDelivery on_delivery) override {
    if (options_.ack_lag > 0 &&
        (workload_.ack_batch < 2 || options_.ack_lag + workload_.ack_batch > workload_.prefetch)) {
      return absl::InvalidArgumentError(
          "--ack-lag needs an --ack-batch above 1 and a --prefetch of both together at least");
    }
    auto connection = client::Connection::Open(options_.connection);
    if (!connection.ok()) return connection.status();
    connection_ = *std::move(connection);
    on_delivery_ = std::move(on_delivery);
    client::ConsumerOptions options;
    options.subscribe.set_queue(queue);
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
        if (const uint64_t tag = delivery.delivery_tag(); tag > options_.ack_lag) {
          static_cast<void>(consumer.AckUpTo(tag - options_.ack_lag));
        }
        unsettled_ = 0;
      }
    }
    last_tag_ = batch[batch.size() - 1].delivery_tag();
  }

  const WarrenTarget::Options options_;
  const Workload& workload_;
  OnDelivery on_delivery_;
  uint32_t unsettled_ = 0;  // I/O thread
  std::atomic<uint64_t> last_tag_{0};
  std::unique_ptr<client::Connection> connection_;
  std::unique_ptr<client::Consumer> consumer_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Target>> WarrenTarget::Connect(Options options) {
  auto connection = client::Connection::Open(options.connection);
  if (!connection.ok()) return connection.status();
  return std::unique_ptr<Target>(new WarrenTarget(std::move(options), *std::move(connection)));
}

absl::Status WarrenTarget::DeclareQueue(const std::string& name, bool durable) {
  v1::DeclareQueueRequest request;
  request.set_name(name);
  request.mutable_options()->set_durable(durable);
  return connection_->DeclareQueue(request).status();
}

absl::Status WarrenTarget::DeleteQueue(const std::string& name) {
  v1::DeleteQueueRequest request;
  request.set_name(name);
  return connection_->DeleteQueue(request).status();
}

std::unique_ptr<PublishLink> WarrenTarget::NewPublishLink(const Workload& workload) {
  return std::make_unique<WarrenPublishLink>(options_.connection, workload);
}

std::unique_ptr<ConsumeLink> WarrenTarget::NewConsumeLink(const Workload& workload) {
  return std::make_unique<WarrenConsumeLink>(options_, workload);
}

}  // namespace warren::tools
