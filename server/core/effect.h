// Effects: all that a broker wants done outside. The runtime carries them out in order.
//
// An effect that promises something durable leaves the core only once it is durable; whoever gets
// one may act on it at once. Value types; thread-compatible.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "server/core/command.h"

namespace warren::core {

// ---- To publishers ----

struct PublisherOpened {
  PublisherId publisher;
  uint64_t last_sequence = 0;
};

// The stream is to end with this status; nothing more comes for it.
struct PublisherClosed {
  PublisherId publisher;
  absl::Status status;
};

enum class Outcome : uint8_t { kAccepted = 1, kDuplicate = 2, kUnroutable = 3, kRejected = 4 };

// What became of the messages first_sequence to last_sequence.
struct Confirmed {
  PublisherId publisher;
  uint64_t first_sequence = 0;
  uint64_t last_sequence = 0;
  Outcome outcome = Outcome::kAccepted;
  absl::Status error;  // not OK if and only if rejected
};

// ---- To consumers ----

struct Subscribed {
  ConsumerId consumer;
  std::string consumer_name;
  std::string queue;
  uint64_t message_count = 0;
};

struct Delivery {
  DeliveryTag tag;
  storage::MessagePtr message;
  bool redelivered = false;
  uint32_t delivery_count = 0;  // earlier deliveries from this queue
};

struct Delivered {
  ConsumerId consumer;
  Delivery delivery;
};

struct SettleFailure {
  DeliveryTag tag;
  absl::Status error;
  uint32_t subscription = 0;  // the settlement's
};

// `consumer`, `shared`: as in Settle.
struct SettleAnswered {
  ConsumerId consumer;
  uint64_t settle_id = 0;
  std::vector<SettleFailure> failures;
  bool shared = false;
};

// No delivery comes after it.
struct Drained {
  ConsumerId consumer;
};

enum class CancelReason : uint8_t { kQueueDeleted = 1, kShuttingDown = 2 };

// The broker ended the consumer; nothing more comes for it.
struct Cancelled {
  ConsumerId consumer;
  CancelReason reason = CancelReason::kQueueDeleted;
  std::string message;
};

// The subscription failed; the stream that has it alone is to end with this status.
struct ConsumerClosed {
  ConsumerId consumer;
  absl::Status status;
};

// ---- To calls ----

struct QueueInfo {
  std::string name;
  uint64_t message_count = 0;
  uint32_t consumer_count = 0;
};

struct MessageCount {
  uint64_t messages = 0;
};

struct MoveResult {
  uint64_t moved = 0;
  uint64_t left = 0;  // ready in the source
};

struct GetResult {
  std::vector<Delivery> deliveries;
  uint64_t message_count = 0;
};

struct SettleFailures {
  std::vector<SettleFailure> failures;
};

struct CommitResult {
  bool duplicate = false;
};

struct Replied {
  RequestId request;
  absl::Status status;
  // monostate if the status isn't OK, or there is nothing to tell.
  std::variant<std::monostate, QueueInfo, MessageCount, MoveResult, GetResult, SettleFailures,
               CommitResult>
      result;
};

// ---- To who judges logins ----

// It is durable that the user is so now; none: is gone.
struct UserChanged {
  std::string name;
  std::optional<storage::User> user;
};

using Effect = std::variant<PublisherOpened, PublisherClosed, Confirmed, Subscribed, Delivered,
                            SettleAnswered, Drained, Cancelled, ConsumerClosed, Replied, UserChanged>;

using Effects = std::vector<Effect>;

}  // namespace warren::core
