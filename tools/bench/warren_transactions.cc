#include "tools/bench/warren_transactions.h"

#include <atomic>
#include <optional>
#include <thread>
#include <utility>

#include "warren/client/consumer.h"
#include "warren/client/transaction.h"

namespace warren::tools {
namespace {

// How long a consumer waits for deliveries before it looks whether it is to stop.
constexpr std::chrono::milliseconds kLook{50};

class TransactionPublishLink : public PublishLink {
 public:
  TransactionPublishLink(client::Connection& connection, const Workload& workload)
      : connection_(connection), workload_(workload) {}

  absl::Status Open(OnConfirm on_confirm) override {
    on_confirm_ = std::move(on_confirm);
    transaction_.emplace(connection_);
    publication_.set_exchange(workload_.ExchangeName());
    publication_.mutable_message()->set_delivery_mode(
        workload_.persistent ? v1::DELIVERY_MODE_PERSISTENT : v1::DELIVERY_MODE_TRANSIENT);
    return absl::OkStatus();
  }

  absl::Status Publish(const std::string& routing_key, const std::string& body) override {
    if (closed_) return absl::CancelledError("closed");
    publication_.set_routing_key(routing_key);
    publication_.mutable_message()->set_body(body);
    transaction_->Publish(publication_);
    ++published_;
    if (published_ - committed_ < workload_.transaction) return absl::OkStatus();
    return Commit();
  }

  absl::Status Flush() override {
    if (published_ == committed_) return absl::OkStatus();
    return closed_ ? absl::CancelledError("closed") : Commit();
  }

  // A commit that is under way is answered before, or fails by the connection's call timeout.
  void Close() override { closed_ = true; }

 private:
  absl::Status Commit() {
    absl::Status status = transaction_->Commit();
    if (!status.ok()) return status;
    on_confirm_(committed_ + 1, published_, true);
    committed_ = published_;
    return absl::OkStatus();
  }

  client::Connection& connection_;
  const Workload& workload_;
  OnConfirm on_confirm_;
  std::atomic<bool> closed_{false};
  // Of who publishes.
  uint64_t published_ = 0;
  uint64_t committed_ = 0;
  v1::Publication publication_;
  std::optional<client::Transaction> transaction_;
};

class TransactionConsumeLink : public ConsumeLink {
 public:
  TransactionConsumeLink(client::Connection& connection, const Workload& workload)
      : connection_(connection), workload_(workload) {}
  ~TransactionConsumeLink() override { End(); }

  absl::Status Open(const std::string& queue, OnDelivery on_delivery) override {
    on_delivery_ = std::move(on_delivery);
    client::ConsumerOptions options;
    options.subscribe.set_queue(queue);
    options.subscribe.set_prefetch_messages(workload_.prefetch);
    options.reconnect_timeout = std::chrono::milliseconds(0);  // what is lost ends the measurement
    auto consumer = client::Consumer::Open(connection_, std::move(options));
    if (!consumer.ok()) return consumer.status();
    consumer_ = *std::move(consumer);
    thread_ = std::thread([this] { status_ = Consume(); });
    return absl::OkStatus();
  }

  absl::Status Stop() override {
    End();
    if (status_.ok() && unsettled_ > 0) status_ = Commit();
    consumer_.reset();
    return status_;
  }

 private:
  void End() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }

  absl::Status Consume() {
    while (!stop_) {
      const auto batch = consumer_->Next(kLook);
      if (absl::IsDeadlineExceeded(batch.status())) continue;
      if (!batch.ok()) return batch.status();
      for (const v1::Delivery& delivery : *batch) {
        on_delivery_(delivery.message().body(), delivery.redelivered());
        last_tag_ = delivery.delivery_tag();
        if (++unsettled_ < workload_.transaction) continue;
        if (absl::Status status = Commit(); !status.ok()) return status;
      }
    }
    return absl::OkStatus();
  }

  absl::Status Commit() {
    v1::Settlement settlement;
    settlement.set_outcome(v1::SETTLE_OUTCOME_ACK);
    settlement.set_up_to_delivery_tag(last_tag_);
    client::Transaction transaction(connection_);
    transaction.Settle(consumer_->name(), std::move(settlement));
    absl::Status status = transaction.Commit();
    if (status.ok()) unsettled_ = 0;
    return status;
  }

  client::Connection& connection_;
  const Workload& workload_;
  OnDelivery on_delivery_;
  std::atomic<bool> stop_{false};
  std::unique_ptr<client::Consumer> consumer_;
  // The thread's, until it has ended.
  absl::Status status_;
  uint32_t unsettled_ = 0;
  uint64_t last_tag_ = 0;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<PublishLink> NewTransactionPublishLink(client::Connection& connection,
                                                       const Workload& workload) {
  return std::make_unique<TransactionPublishLink>(connection, workload);
}

std::unique_ptr<ConsumeLink> NewTransactionConsumeLink(client::Connection& connection,
                                                       const Workload& workload) {
  return std::make_unique<TransactionConsumeLink>(connection, workload);
}

}  // namespace warren::tools
