// Publishes and settlements that take effect together or not at all, over any number of queues.
//
//   Transaction transaction(*connection);
//   transaction.Publish(publication);
//   transaction.Ack(*consumer, delivery);
//   absl::Status committed = transaction.Commit();
//
// Nothing leaves before Commit.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "warren/client/connection.h"
#include "warren/client/consumer.h"
#include "warren/v1/broker.pb.h"

namespace warren::client {

struct TransactionOptions {
  // "": the connection's.
  std::string virtual_host;
  // With both, a transaction that is committed again after its answer was lost takes effect once.
  // Each transaction of a producer spends one sequence (≥ 1).
  std::string producer_id;
  uint64_t sequence = 0;
};

// Thread-compatible. `connection` outlives it.
class Transaction {
 public:
  explicit Transaction(Connection& connection, TransactionOptions options = {});

  void Publish(v1::Publication publication);
  // FAILED_PRECONDITION, DELIVERY_STALE, and nothing added, if the consumer has lost the stream that
  // the delivery came by. If it loses that later, Commit fails.
  absl::Status Ack(const Consumer& consumer, const v1::Delivery& delivery);
  absl::Status Settle(const Consumer& consumer, v1::Settlement settlement);
  // As the broker names them: `consumer` is the name of the consumer that got the delivery, on the
  // one stream that it has had; "" for leases made by Get.
  void Ack(std::string consumer, uint64_t delivery_tag);
  void Settle(std::string consumer, v1::Settlement settlement);

  // OK once everything is durable; the buffer is then empty. On an error nothing took effect and
  // the buffer is kept, but for UNAVAILABLE and DEADLINE_EXCEEDED: then it may have. With a
  // producer_id it is safe to commit again, without one what it publishes may double; its messages
  // say `resent` from then on.
  absl::Status Commit();

  // Throws the buffer away. Deliveries stay unsettled.
  void Rollback();

  bool empty() const {
    return request_.publications().empty() && request_.settlements().empty();
  }

 private:
  Connection& connection_;
  const TransactionOptions options_;
  v1::CommitRequest request_;
};

}  // namespace warren::client
