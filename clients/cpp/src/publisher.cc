#include "warren/client/publisher.h"

#include <utility>

#include "publish_session.h"

namespace warren::client {

absl::StatusOr<std::unique_ptr<Publisher>> Publisher::Open(const Connection& connection,
                                                           PublisherOptions options) {
  auto session = std::make_unique<Session>(connection, std::move(options));
  if (absl::Status status = session->Open(); !status.ok()) return status;
  return std::unique_ptr<Publisher>(new Publisher(std::move(session)));
}

Publisher::Publisher(std::unique_ptr<Session> session) : session_(std::move(session)) {}

Publisher::~Publisher() = default;

absl::StatusOr<uint64_t> Publisher::Publish(const v1::Publication& publication,
                                            ConfirmCallback callback) {
  return session_->Publish(publication, std::move(callback));
}

absl::StatusOr<std::future<Confirmation>> Publisher::PublishWithFuture(
    const v1::Publication& publication) {
  // Shared, since a std::function must be copyable.
  const auto promise = std::make_shared<std::promise<Confirmation>>();
  auto sequence = Publish(publication, [promise](const Confirmation& confirmation) {
    promise->set_value(confirmation);
  });
  if (!sequence.ok()) return sequence.status();
  return promise->get_future();
}

absl::Status Publisher::Flush(std::chrono::milliseconds timeout) {
  return session_->Flush(timeout);
}

void Publisher::Close() { session_->Close(); }

bool Publisher::blocked() const { return session_->blocked(); }

size_t Publisher::unconfirmed() const { return session_->unconfirmed(); }

uint64_t Publisher::resumed_from() const { return session_->resumed_from(); }

}  // namespace warren::client
