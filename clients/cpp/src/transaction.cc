#include "warren/client/transaction.h"

#include <utility>

namespace warren::client {

Transaction::Transaction(Connection& connection, TransactionOptions options)
    : connection_(connection), options_(std::move(options)) {
  Rollback();
}

void Transaction::Publish(v1::Publication publication) {
  *request_.add_publications() = std::move(publication);
}

absl::Status Transaction::Ack(const Consumer& consumer, const v1::Delivery& delivery) {
  v1::Settlement settlement;
  settlement.set_outcome(v1::SETTLE_OUTCOME_ACK);
  settlement.add_delivery_tags(delivery.delivery_tag());
  settlement.set_subscription(delivery.subscription());
  return Settle(consumer, std::move(settlement));
}

absl::Status Transaction::Settle(const Consumer& consumer, v1::Settlement settlement) {
  auto entry = consumer.ForTransaction(std::move(settlement));
  if (!entry.ok()) return entry.status();
  *request_.add_settlements() = *std::move(entry);
  return absl::OkStatus();
}

void Transaction::Ack(std::string consumer, uint64_t delivery_tag) {
  v1::Settlement settlement;
  settlement.set_outcome(v1::SETTLE_OUTCOME_ACK);
  settlement.add_delivery_tags(delivery_tag);
  Settle(std::move(consumer), std::move(settlement));
}

void Transaction::Settle(std::string consumer, v1::Settlement settlement) {
  v1::TransactionSettlement& entry = *request_.add_settlements();
  entry.set_consumer(std::move(consumer));
  *entry.mutable_settlement() = std::move(settlement);
}

absl::Status Transaction::Commit() {
  auto response = connection_.Commit(request_);
  if (!response.ok()) {
    if (absl::IsUnavailable(response.status()) || absl::IsDeadlineExceeded(response.status())) {
      for (v1::Publication& publication : *request_.mutable_publications()) {
        publication.set_resent(true);
      }
    }
    return response.status();
  }
  Rollback();
  return absl::OkStatus();
}

void Transaction::Rollback() {
  request_.Clear();
  request_.set_virtual_host(options_.virtual_host);
  request_.set_producer_id(options_.producer_id);
  request_.set_first_sequence(options_.sequence);
}

}  // namespace warren::client
