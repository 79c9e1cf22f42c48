// A producer and a consumer of the C++ client, for the proof that clients follow a fail-over.
//
//   warren-follower ADDRESSES QUEUE PACE_MS
//
// Publishes 0, 1, 2, … to the queue, one each PACE_MS, and consumes it, and says what it sees, a line
// each:
//
//   sent N          so many so far
//   confirmed A B   the messages A to B
//   delivered N F   message N, flagged as redelivered if F is 1
//   error TEXT      something went wrong that the client should have mended
//   flushed         all that was sent is confirmed
//
// A line on its standard input ends the producer, its end the consumer.
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include "sync/mutex.h"
#include "warren/client/consumer.h"
#include "warren/client/publisher.h"

namespace warren::client {
namespace {

constexpr size_t kWindow = 200;
constexpr uint32_t kPrefetch = 50;
constexpr std::chrono::seconds kPatience{60};

Mutex output;

// Thread-safe.
template <typename... Parts>
void Say(const Parts&... parts) {
  const MutexLock lock(output);
  (std::cout << ... << parts) << std::endl;
}

enum class Input { kNothing, kLine, kEnd };

Input AwaitInput(int timeout_ms) {
  pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  if (poll(&input, 1, timeout_ms) <= 0) return Input::kNothing;
  char byte = 0;
  return read(STDIN_FILENO, &byte, 1) == 1 ? Input::kLine : Input::kEnd;
}

absl::StatusOr<std::unique_ptr<Consumer>> Consume(const Connection& connection,
                                                  const std::string& queue) {
  ConsumerOptions options;
  options.subscribe.set_queue(queue);
  options.subscribe.set_prefetch_messages(kPrefetch);
  options.on_deliveries = [](Consumer& consumer, const DeliveryBatch& batch) {
    for (const v1::Delivery& delivery : batch) {
      Say("delivered ", delivery.message().body(), " ", delivery.redelivered() ? 1 : 0);
      // Stale at worst; then it comes again.
      (void)consumer.Ack(delivery);
    }
  };
  options.on_end = [](const absl::Status& why) {
    if (ErrorInfoOf(why).reason != kClosed) Say("error consumer: ", why.ToString());
  };
  return Consumer::Open(connection, std::move(options));
}

absl::Status Follow(const std::string& addresses, const std::string& queue, int pace_ms) {
  ConnectionOptions to;
  to.address = addresses;
  auto connection = Connection::Open(std::move(to));
  if (!connection.ok()) return connection.status();
  const auto consumer = Consume(**connection, queue);
  if (!consumer.ok()) return consumer.status();

  PublisherOptions options;
  options.producer_id = queue;
  options.max_unconfirmed = kWindow;
  options.on_confirm = [](const Confirmation& c) {
    if (c.ok()) {
      Say("confirmed ", c.first_sequence - 1, " ", c.last_sequence - 1);
    } else {
      Say("error confirm of ", c.first_sequence - 1, ": ", c.error.ToString());
    }
  };
  const auto publisher = Publisher::Open(**connection, std::move(options));
  if (!publisher.ok()) return publisher.status();
  v1::Publication publication;
  publication.set_routing_key(queue);
  publication.mutable_message()->set_delivery_mode(v1::DELIVERY_MODE_PERSISTENT);
  for (uint64_t number = 0; AwaitInput(pace_ms) == Input::kNothing; ++number) {
    publication.mutable_message()->set_body(std::to_string(number));
    Say("sent ", number + 1);
    const auto sequence = (*publisher)->Publish(publication);
    if (!sequence.ok()) return sequence.status();
  }
  if (absl::Status status = (*publisher)->Flush(kPatience); !status.ok()) return status;
  Say("flushed");
  while (AwaitInput(-1) == Input::kLine) continue;
  return absl::OkStatus();
}

}  // namespace
}  // namespace warren::client

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: warren-follower ADDRESSES QUEUE PACE_MS\n";
    return 2;
  }
  const absl::Status status = warren::client::Follow(argv[1], argv[2], std::stoi(argv[3]));
  if (!status.ok()) warren::client::Say("error ", status.ToString());
  return status.ok() ? 0 : 1;
}
