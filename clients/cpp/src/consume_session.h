// The life of a consumer: one stream, what came and was not fetched, what is settled and not sent.
//
// Invariants: (1) one write at a time; what is to be written meanwhile waits in settlements_ and
// controls_; (2) without a callback, reading stops while many frames are not fetched, so that a
// consumer that falls behind holds up the broker, not its own memory; (3) callbacks run on the I/O
// thread, without the lock.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "bidi_stream.h"
#include "io_thread.h"
#include "settle_buffer.h"
#include "sync/mutex.h"
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
    MutexLock lock(mutex_);
    if (ended_) return end_;
    add(settlements_);
    const PendingWrite next = NextWrite();
    lock.Unlock();
    next.Send();
    return absl::OkStatus();
  }
  absl::Status Flush(std::chrono::milliseconds timeout);
  absl::Status Send(v1::ConsumeRequest control);
  absl::StatusOr<v1::Subscribed> Subscribe(v1::Subscribe subscribe);
  absl::Status Unsubscribe(uint32_t number);
  std::string QueueOf(uint32_t number) const;
  absl::Status Drain(std::chrono::milliseconds timeout);

  const v1::Subscribed& subscribed() const { return subscribed_; }
  std::optional<v1::Cancelled> cancelled() const;

 private:
  void OnStarted() override;
  void OnWritten() override;
  void OnRead(grpc::ByteBuffer frame) override;
  void OnFinished(absl::Status status) override;

  // One of a shared consumer's subscriptions, until the broker has said its last word on it.
  struct Subscription {
    std::optional<v1::Subscribed> answer;
    bool unsubscribing = false;
    bool draining = false;
  };

  void ReadForWaiters() WARREN_REQUIRES(mutex_);
  PendingWrite NextWrite() WARREN_REQUIRES(mutex_);
  void OnSubscribed(const v1::Subscribed& subscribed) WARREN_REQUIRES(mutex_);
  void OnSubscriptionEnd(uint32_t number, const absl::Status& why) WARREN_EXCLUDES(mutex_);
  void OnDrained(uint32_t number) WARREN_REQUIRES(mutex_);
  bool AllDrained() const WARREN_REQUIRES(mutex_);
  void OnDeliveries(DeliveryBatch batch) WARREN_EXCLUDES(mutex_);
  void OnSettleResults(const v1::SettleResults& results) WARREN_EXCLUDES(mutex_);

  Consumer& owner_;
  const std::shared_ptr<grpc::Channel> channel_;
  const Authorization authorization_;
  const std::shared_ptr<IoThread> io_;
  const ConsumerOptions options_;
  v1::Subscribed subscribed_;  // constant once Open has returned

  mutable Mutex mutex_;
  CondVar changed_;
  bool opened_ WARREN_GUARDED_BY(mutex_) = false;
  bool closing_ WARREN_GUARDED_BY(mutex_) = false;
  // No stream any more; end_ says why.
  bool ended_ WARREN_GUARDED_BY(mutex_) = false;
  // ended_, and the last callback has run.
  bool finished_ WARREN_GUARDED_BY(mutex_) = false;
  absl::Status end_ WARREN_GUARDED_BY(mutex_);
  // Why the stream was cancelled by this side.
  absl::Status violation_ WARREN_GUARDED_BY(mutex_);
  std::optional<v1::Cancelled> cancelled_ WARREN_GUARDED_BY(mutex_);

  // Of a shared consumer, by number.
  std::map<uint32_t, Subscription> subscriptions_ WARREN_GUARDED_BY(mutex_);
  uint32_t last_number_ WARREN_GUARDED_BY(mutex_) = 0;
  // Why the broker refused those whose Subscribe still has to tell.
  std::map<uint32_t, absl::Status> refused_ WARREN_GUARDED_BY(mutex_);
  // Callers that wait for the broker's word; reading goes on for them.
  int waiters_ WARREN_GUARDED_BY(mutex_) = 0;

  std::deque<DeliveryBatch> fetched_ WARREN_GUARDED_BY(mutex_);
  bool reading_paused_ WARREN_GUARDED_BY(mutex_) = false;
  bool draining_ WARREN_GUARDED_BY(mutex_) = false;
  bool drained_ WARREN_GUARDED_BY(mutex_) = false;

  std::shared_ptr<BidiStream> stream_ WARREN_GUARDED_BY(mutex_);
  bool writing_ WARREN_GUARDED_BY(mutex_) = false;
  bool in_callback_ WARREN_GUARDED_BY(mutex_) = false;
  SettleBuffer settlements_ WARREN_GUARDED_BY(mutex_);
  std::deque<v1::ConsumeRequest> controls_ WARREN_GUARDED_BY(mutex_);
  // The settle_id of the last Flush, of the last one written, of the last one answered.
  uint64_t flush_wanted_ WARREN_GUARDED_BY(mutex_) = 0;
  uint64_t flush_sent_ WARREN_GUARDED_BY(mutex_) = 0;
  uint64_t flush_answered_ WARREN_GUARDED_BY(mutex_) = 0;
  // The first since the last Flush.
  absl::Status settle_failure_ WARREN_GUARDED_BY(mutex_);
};

}  // namespace warren::client
