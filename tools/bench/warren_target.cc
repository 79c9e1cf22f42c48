#include "tools/bench/warren_target.h"

#include <atomic>
#include <utility>

#include "sync/mutex.h"
#include "tools/bench/warren_transactions.h"
#include "warren/client/consumer.h"
#include "warren/client/publisher.h"

namespace warren::tools {
namespace {

constexpr std::chrono::minutes kFlushPatience{1};
// A consumer that is lost ends the measurement.
constexpr std::chrono::milliseconds kNoReconnect{0};
// As many have a stream each, unless it is said otherwise.
constexpr int kFewConsumers = 32;
constexpr size_t kMaxConsumersOfStream = 10'000;

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

// Settles a consumer's deliveries as the workload says, whatever stream they come on.
class Settler {
 public:
  Settler(uint32_t ack_lag, const Workload& workload) : ack_lag_(ack_lag), workload_(workload) {}

  // An ack that comes too late for the stream shows in Finish.
  void Took(client::Consumer& consumer, const v1::Delivery& delivery) {
    last_tag_ = delivery.delivery_tag();
    if (workload_.ack_batch == 1) {
      static_cast<void>(consumer.Ack(delivery));
    } else if (workload_.ack_batch > 1 && ++unsettled_ >= workload_.ack_batch) {
      // Tags count from 1.
      if (last_tag_ > ack_lag_) {
        static_cast<void>(consumer.AckUpTo(delivery.subscription(), last_tag_ - ack_lag_));
      }
      unsettled_ = 0;
    }
  }

  absl::Status Finish(client::Consumer& consumer, uint32_t subscription) {
    absl::Status status;
    if (workload_.ack_batch > 1 && last_tag_ != 0) {
      status = consumer.AckUpTo(subscription, last_tag_);
    }
    if (status.ok() && workload_.ack_batch > 0) status = consumer.Flush();
    return status;
  }

  v1::Subscribe SubscribeTo(const std::string& queue) const {
    v1::Subscribe subscribe;
    subscribe.set_queue(queue);
    subscribe.set_prefetch_messages(workload_.prefetch);
    subscribe.set_auto_ack(workload_.ack_batch == 0);
    return subscribe;
  }

 private:
  const uint32_t ack_lag_;
  const Workload& workload_;
  uint32_t unsettled_ = 0;  // I/O thread
  std::atomic<uint64_t> last_tag_{0};
};

// A consumer with a stream of its own.
class WarrenConsumeLink : public ConsumeLink {
 public:
  WarrenConsumeLink(client::Connection& connection, uint32_t ack_lag, const Workload& workload)
      : connection_(connection), settler_(ack_lag, workload) {}

  absl::Status Open(const std::string& queue, OnDelivery on_delivery) override {
    client::ConsumerOptions options;
    options.subscribe = settler_.SubscribeTo(queue);
    options.reconnect_timeout = kNoReconnect;
    options.on_deliveries = [this, on_delivery = std::move(on_delivery)](
                                client::Consumer& consumer, client::DeliveryBatch batch) {
      for (const v1::Delivery& delivery : batch) {
        on_delivery(delivery.message().body(), delivery.redelivered());
        settler_.Took(consumer, delivery);
      }
    };
    auto consumer = client::Consumer::Open(connection_, std::move(options));
    if (!consumer.ok()) return consumer.status();
    consumer_ = *std::move(consumer);
    return absl::OkStatus();
  }

  absl::Status Stop() override {
    absl::Status status = settler_.Finish(*consumer_, 0);
    consumer_.reset();
    return status;
  }

 private:
  client::Connection& connection_;
  Settler settler_;
  std::unique_ptr<client::Consumer> consumer_;
};

}  // namespace

// A stream of many consumers. Its links hold it; it ends with the last.
class SharedStream {
 public:
  // What a link has on it. Outlives the subscription.
  struct Seat {
    ConsumeLink::OnDelivery on_delivery;
    Settler settler;
  };

  explicit SharedStream(client::Connection& connection) : connection_(connection) {}

  // One more link is to join.
  size_t Reserve() { return ++reserved_; }

  // The subscription's number. Called by one thread.
  absl::StatusOr<uint32_t> Join(v1::Subscribe subscribe, Seat& seat) {
    uint32_t number = 0;
    {
      // Deliveries may come before the answer is here.
      const MutexLock lock(mutex_);
      seats_.push_back(&seat);
      number = static_cast<uint32_t>(seats_.size());
    }
    subscribe.set_subscription(number);
    if (consumer_ != nullptr) {
      const auto subscribed = consumer_->Subscribe(std::move(subscribe));
      if (!subscribed.ok()) return subscribed.status();
      return number;
    }
    client::ConsumerOptions options;
    options.subscribe = std::move(subscribe);
    options.shared = true;
    options.reconnect_timeout = kNoReconnect;
    options.on_deliveries = [this](client::Consumer& consumer, client::DeliveryBatch batch) {
      const MutexLock lock(mutex_);
      for (const v1::Delivery& delivery : batch) {
        Seat& at = *seats_[delivery.subscription() - 1];
        at.on_delivery(delivery.message().body(), delivery.redelivered());
        at.settler.Took(consumer, delivery);
      }
    };
    auto consumer = client::Consumer::Open(connection_, std::move(options));
    if (!consumer.ok()) return consumer.status();
    consumer_ = *std::move(consumer);
    return number;
  }

  absl::Status Part(uint32_t number, Seat& seat) {
    const absl::Status status = seat.settler.Finish(*consumer_, number);
    return status.ok() ? consumer_->Unsubscribe(number) : status;
  }

 private:
  client::Connection& connection_;
  size_t reserved_ = 0;
  Mutex mutex_;
  std::vector<Seat*> seats_ WARREN_GUARDED_BY(mutex_);  // by number
  std::unique_ptr<client::Consumer> consumer_;          // last: its callback uses the rest
};

namespace {

class SharedConsumeLink : public ConsumeLink {
 public:
  SharedConsumeLink(std::shared_ptr<SharedStream> stream, uint32_t ack_lag,
                    const Workload& workload)
      : seat_{.on_delivery = nullptr, .settler = {ack_lag, workload}},
        stream_(std::move(stream)) {}

  absl::Status Open(const std::string& queue, OnDelivery on_delivery) override {
    seat_.on_delivery = std::move(on_delivery);
    const auto number = stream_->Join(seat_.settler.SubscribeTo(queue), seat_);
    if (!number.ok()) return number.status();
    number_ = *number;
    return absl::OkStatus();
  }

  absl::Status Stop() override { return stream_->Part(number_, seat_); }

 private:
  SharedStream::Seat seat_;
  uint32_t number_ = 0;
  std::shared_ptr<SharedStream> stream_;
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

std::shared_ptr<SharedStream> WarrenTarget::NextStream(const Workload& workload) {
  auto most = static_cast<size_t>(options_.consumers_per_stream);
  if (most == 0) most = workload.consumers <= kFewConsumers ? 1 : kMaxConsumersOfStream;
  if (most == 1) return nullptr;
  streams_.resize(connections_.size());
  const size_t connection = next_++ % connections_.size();
  std::shared_ptr<SharedStream>& stream = streams_[connection];
  if (stream == nullptr) stream = std::make_shared<SharedStream>(*connections_[connection]);
  std::shared_ptr<SharedStream> next = stream;
  if (next->Reserve() == most) stream = nullptr;
  return next;
}

std::unique_ptr<ConsumeLink> WarrenTarget::NewConsumeLink(const Workload& workload) {
  if (workload.transaction > 0) return NewTransactionConsumeLink(NextConnection(), workload);
  if (std::shared_ptr<SharedStream> stream = NextStream(workload)) {
    return std::make_unique<SharedConsumeLink>(std::move(stream), options_.ack_lag, workload);
  }
  return std::make_unique<WarrenConsumeLink>(NextConnection(), options_.ack_lag, workload);
}

}  // namespace warren::tools
