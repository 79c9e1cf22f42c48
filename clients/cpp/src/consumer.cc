#include "warren/client/consumer.h"

#include <utility>

#include "consume_session.h"

namespace warren::client {
namespace {

void SetMilliseconds(std::chrono::milliseconds value, google::protobuf::Duration& duration) {
  duration.set_seconds(value.count() / 1'000);
  duration.set_nanos(static_cast<int32_t>(value.count() % 1'000 * 1'000'000));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Consumer>> Consumer::Open(const Connection& connection,
                                                         ConsumerOptions options) {
  std::unique_ptr<Consumer> consumer(new Consumer());
  consumer->session_ = std::make_unique<Session>(*consumer, connection, std::move(options));
  if (absl::Status status = consumer->session_->Open(); !status.ok()) return status;
  return consumer;
}

Consumer::Consumer() = default;

Consumer::~Consumer() = default;

absl::StatusOr<DeliveryBatch> Consumer::Next(std::chrono::milliseconds timeout) {
  return session_->Next(timeout);
}

absl::StatusOr<v1::Subscribed> Consumer::Subscribe(v1::Subscribe subscribe) {
  return session_->Subscribe(std::move(subscribe));
}

absl::Status Consumer::Unsubscribe(uint32_t subscription) {
  return session_->Unsubscribe(subscription);
}

std::string Consumer::QueueOf(uint32_t subscription) const {
  return session_->QueueOf(subscription);
}

absl::Status Consumer::Ack(const v1::Delivery& delivery) {
  return session_->Settle([&](LiveSettlements& live) {
    live.Add(delivery.delivery_tag(), v1::SETTLE_OUTCOME_ACK, delivery.subscription());
  });
}

absl::Status Consumer::Ack(uint64_t delivery_tag) {
  return session_->Settle(
      [&](LiveSettlements& live) { live.Add(delivery_tag, v1::SETTLE_OUTCOME_ACK); });
}

absl::Status Consumer::Ack(std::span<const uint64_t> delivery_tags) {
  return session_->Settle([&](LiveSettlements& live) {
    for (const uint64_t tag : delivery_tags) live.Add(tag, v1::SETTLE_OUTCOME_ACK);
  });
}

absl::Status Consumer::AckUpTo(const v1::Delivery& delivery) {
  return AckUpTo(delivery.subscription(), delivery.delivery_tag());
}

absl::Status Consumer::AckUpTo(uint32_t subscription, uint64_t delivery_tag) {
  return session_->Settle([&](LiveSettlements& live) {
    live.AddUpTo(delivery_tag, v1::SETTLE_OUTCOME_ACK, subscription);
  });
}

absl::Status Consumer::AckUpTo(uint64_t delivery_tag) {
  return session_->Settle(
      [&](LiveSettlements& live) { live.AddUpTo(delivery_tag, v1::SETTLE_OUTCOME_ACK); });
}

absl::Status Consumer::Requeue(const v1::Delivery& delivery) {
  return session_->Settle([&](LiveSettlements& live) {
    live.Add(delivery.delivery_tag(), v1::SETTLE_OUTCOME_REQUEUE, delivery.subscription());
  });
}

absl::Status Consumer::Requeue(uint64_t delivery_tag) {
  return session_->Settle(
      [&](LiveSettlements& live) { live.Add(delivery_tag, v1::SETTLE_OUTCOME_REQUEUE); });
}

absl::Status Consumer::Reject(const v1::Delivery& delivery) {
  return session_->Settle([&](LiveSettlements& live) {
    live.Add(delivery.delivery_tag(), v1::SETTLE_OUTCOME_REJECT, delivery.subscription());
  });
}

absl::Status Consumer::Reject(uint64_t delivery_tag) {
  return session_->Settle(
      [&](LiveSettlements& live) { live.Add(delivery_tag, v1::SETTLE_OUTCOME_REJECT); });
}

absl::Status Consumer::Retry(uint64_t delivery_tag,
                             std::optional<std::chrono::milliseconds> delay) {
  v1::Delivery delivery;
  delivery.set_delivery_tag(delivery_tag);
  return Retry(delivery, delay);
}

absl::Status Consumer::Retry(const v1::Delivery& delivery,
                             std::optional<std::chrono::milliseconds> delay) {
  v1::Settlement settlement;
  settlement.add_delivery_tags(delivery.delivery_tag());
  settlement.set_subscription(delivery.subscription());
  settlement.set_outcome(v1::SETTLE_OUTCOME_RETRY);
  if (delay.has_value()) SetMilliseconds(*delay, *settlement.mutable_retry_delay());
  return Settle(std::move(settlement));
}

absl::Status Consumer::Settle(v1::Settlement settlement) {
  return session_->Settle([&](LiveSettlements& live) { live.Add(std::move(settlement)); });
}

absl::Status Consumer::Flush(std::chrono::milliseconds timeout) {
  return session_->Flush(timeout);
}

absl::Status Consumer::SetPrefetch(uint32_t messages, uint64_t bytes, uint32_t subscription) {
  v1::SetPrefetch prefetch;
  prefetch.set_subscription(subscription);
  prefetch.set_prefetch_messages(messages);
  prefetch.set_prefetch_bytes(bytes);
  return session_->SetPrefetch(std::move(prefetch));
}

absl::Status Consumer::Drain(std::chrono::milliseconds timeout) {
  return session_->Drain(timeout);
}

std::string Consumer::name() const { return session_->subscribed().consumer(); }

std::string Consumer::queue() const { return session_->subscribed().queue(); }

uint64_t Consumer::initial_message_count() const { return session_->subscribed().message_count(); }

std::optional<v1::Cancelled> Consumer::cancelled() const { return session_->cancelled(); }

absl::StatusOr<v1::TransactionSettlement> Consumer::ForTransaction(
    v1::Settlement settlement) const {
  return session_->ForTransaction(std::move(settlement));
}

}  // namespace warren::client
