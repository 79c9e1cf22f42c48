// The life of a consumer: one stream, what came and was not fetched, what is settled and not sent.
//
// Invariants: (1) one write at a time; what is to be written meanwhile waits in settlements_ and
// controls_; (2) without a callback, reading stops while many frames are not fetched, so that a
// consumer that falls behind holds up the broker, not its own memory; (3) callbacks run on the I/O
// thread, without the lock.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "bidi_stream.h"
#include "io_thread.h"
#include "settle_buffer.h"
#include "warren/client/consumer.h"

namespace warren::client {

// Thread-safe; documented in Consumer.
class Consumer::Session final : public BidiStream::Handler {
 public:
  // `owner` is what on_deliveries is called with.
  Session(Consumer& owner, const Connection& connection, ConsumerOptions options);
  ~Session() override;

  absl::Status Open();
  absl::StatusOr<DeliveryBatch> Next(std::chrono::milliseconds timeout);
  // `add(SettleBuffer&)` puts settlements into the buffer.
  template <typename Add>
  absl::Status Settle(Add add) {
    Lock lock(mutex_);
    if (ended_) return end_;
    add(settlements_);
    WriteNext(std::move(lock));
    return absl::OkStatus();
  }
  absl::Status Flush(std::chrono::milliseconds timeout);
  absl::Status Send(v1::ConsumeRequest control);
  absl::Status Drain(std::chrono::milliseconds timeout);

  const v1::Subscribed& subscribed() const { return subscribed_; }
  std::optional<v1::Cancelled> cancelled() const;

 private:
  using Lock = std::unique_lock<std::mutex>;

  void OnStarted() override;
  void OnWritten() override;
  void OnRead(grpc::ByteBuffer frame) override;
  void OnFinished(absl::Status status) override;

  // REQUIRE the lock; those that take it by value release it.
  void WriteNext(Lock lock);
  void OnDeliveries(Lock lock, DeliveryBatch batch);
  void OnSettleResults(Lock lock, const v1::SettleResults& results);

  Consumer& owner_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::shared_ptr<IoThread> io_;
  const ConsumerOptions options_;
  v1::Subscribed subscribed_;  // constant once Open has returned

  mutable std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  bool opened_ = false;
  bool closing_ = false;
  bool ended_ = false;     // no stream any more; end_ says why
  bool finished_ = false;  // ended_, and the last callback has run
  absl::Status end_;
  absl::Status violation_;  // why the stream was cancelled by this side
  std::optional<v1::Cancelled> cancelled_;

  std::deque<DeliveryBatch> fetched_;
  bool reading_paused_ = false;
  bool draining_ = false;
  bool drained_ = false;

  std::shared_ptr<BidiStream> stream_;
  bool writing_ = false;
  bool in_callback_ = false;
  SettleBuffer settlements_;
  std::deque<v1::ConsumeRequest> controls_;
  uint64_t flush_wanted_ = 0;    // settle_id of the last Flush
  uint64_t flush_sent_ = 0;      // the last one written
  uint64_t flush_answered_ = 0;  // the last one answered
  absl::Status settle_failure_;  // first since the last Flush
};

}  // namespace warren::client
