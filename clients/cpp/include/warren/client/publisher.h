// Publishes message after message without waiting; confirms come back as they are due.
//
//   auto publisher = Publisher::Open(*connection, {.producer_id = "billing-1"});
//   v1::Publication publication;
//   publication.set_exchange("orders");
//   publication.mutable_message()->set_body("…");
//   (*publisher)->Publish(publication, [](const Confirmation& c) { if (!c.ok()) …; });
//   absl::Status done = (*publisher)->Flush();
//
// What piles up while a frame is being written leaves as the next frame; nothing lingers.
//
// When the connection breaks, the publisher connects again. With a producer_id, what was not
// confirmed is sent again under its old sequence, and the broker drops what it has already: nothing
// is lost, and nothing doubles but what a broker delivered and then forgot as it died, whose second
// delivery says `redelivered`, since what is sent again says `resent`. Without a producer_id nobody
// could tell a copy from a new message, so those messages are answered with CONFIRM_LOST, and whether
// to publish them again is the caller's call; who does sets `resent` on the publication.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "warren/client/connection.h"
#include "warren/v1/broker.pb.h"

namespace warren::client {

// What became of a run of messages.
struct Confirmation {
  uint64_t first_sequence = 0;
  uint64_t last_sequence = 0;  // itself included
  // UNSPECIFIED if the broker never said; then `error` tells why.
  v1::Outcome outcome = v1::OUTCOME_UNSPECIFIED;
  // Why they were rejected, or why their fate is unknown.
  absl::Status error;

  // The broker has them.
  bool ok() const { return outcome == v1::OUTCOME_ACCEPTED || outcome == v1::OUTCOME_DUPLICATE; }
};

// Run on the connection's I/O thread: must not block. Publish from inside one doesn't wait.
using ConfirmCallback = std::function<void(const Confirmation&)>;

struct PublisherOptions {
  // "": the connection's.
  std::string virtual_host;
  // Names this producer across connections and restarts. "": no resending.
  std::string producer_id;
  // Publish waits while this many messages are not confirmed, or this many bytes of them are held
  // for resending.
  size_t max_unconfirmed = 10'000;
  size_t max_unconfirmed_bytes = 256 << 20;
  // Told of each run of confirmed messages; cheaper than a callback a message. May be empty.
  ConfirmCallback on_confirm;
  // Told when the broker holds publishers, and when it goes on. May be empty; same thread.
  std::function<void(const v1::PublishBlocked&)> on_blocked;
  std::function<void()> on_unblocked;
  // How long it tries to reach the broker again before it gives up for good.
  std::chrono::milliseconds reconnect_timeout{120'000};
};

// Thread-safe. Messages of one thread keep their order.
class Publisher {
 public:
  // Opens the stream and waits for the broker's answer.
  static absl::StatusOr<std::unique_ptr<Publisher>> Open(const Connection& connection,
                                                         PublisherOptions options = {});

  // As Close.
  ~Publisher();
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  // Sends a message and returns its sequence; waits while the window is full. `callback` is
  // called exactly once if this succeeds, never otherwise. The publication can be used again at
  // once. Errors: RESOURCE_EXHAUSTED, MESSAGE_TOO_LARGE, or WINDOW_FULL when called on the I/O
  // thread; the stream's error once that has failed for good.
  absl::StatusOr<uint64_t> Publish(const v1::Publication& publication,
                                   ConfirmCallback callback = nullptr);

  // The same with a future in place of the callback.
  absl::StatusOr<std::future<Confirmation>> PublishWithFuture(const v1::Publication& publication);

  // Waits until all that was published before is confirmed, one way or the other. Errors: the
  // stream's, once that has failed for good; DEADLINE_EXCEEDED, TIMEOUT. REQUIRES: not on the I/O
  // thread.
  absl::Status Flush(std::chrono::milliseconds timeout = std::chrono::hours(24));

  // Cancels the stream: messages without confirm are answered with CANCELLED, CLOSED, their fate
  // unknown; those who wait in Publish or Flush get that, too. Flush first to avoid it. REQUIRES:
  // not on the I/O thread.
  void Close();

  // The broker holds publishers now.
  bool blocked() const;
  size_t unconfirmed() const;
  // The last sequence that the broker had of this producer_id when the stream was opened first.
  uint64_t resumed_from() const;

 private:
  class Session;
  explicit Publisher(std::unique_ptr<Session> session);

  const std::unique_ptr<Session> session_;
};

}  // namespace warren::client
