// The life of a consumer: one stream after the other, what came and was not fetched, what is settled
// and not sent.
//
// What is to outlast a stream is in the options and in subscriptions_: a new one subscribes to just
// that. What belongs to a stream goes with it: settlements, requests, deliveries that were not
// fetched. The end comes once: ended_, on_end, finished_.
//
// Invariants: (1) one write at a time; what is to be written meanwhile waits in settlements_ and
// controls_, both empty unless a stream has started; (2) without a callback, reading stops while many frames are not fetched, so that a
// consumer that falls behind holds up the broker, not its own memory; (3) callbacks run on the I/O
// thread, without the lock.
#pragma once

#include <grpcpp/alarm.h>

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "backoff.h"
#include "bidi_stream.h"
#include "io_thread.h"
#include "settle_buffer.h"
#include "stream_tags.h"
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
  // `add(LiveSettlements&)` adds settlements.
  template <typename Add>
  absl::Status Settle(Add add) {
    MutexLock lock(mutex_);
    if (ended_) return end_;
    LiveSettlements live(tags_, settlements_);
    add(live);
    ++settled_;
    const PendingWrite next = NextWrite();
    lock.Unlock();
    next.Send();
    return live.had_stale() ? Stale() : absl::OkStatus();
  }
  absl::StatusOr<v1::TransactionSettlement> ForTransaction(v1::Settlement settlement) const;
  absl::Status Flush(std::chrono::milliseconds timeout);
  absl::Status SetPrefetch(v1::SetPrefetch prefetch);
  absl::StatusOr<v1::Subscribed> Subscribe(v1::Subscribe subscribe);
  absl::Status Unsubscribe(uint32_t number);
  std::string QueueOf(uint32_t number) const;
  absl::Status Drain(std::chrono::milliseconds timeout);

  // Of the first subscription.
  v1::Subscribed subscribed() const;
  std::optional<v1::Cancelled> cancelled() const;

 private:
  void OnStarted() override;
  void OnWritten() override;
  void OnRead(grpc::ByteBuffer frame) override;
  void OnFinished(absl::Status status) override;
  void OnAlarm(bool fired);

  using Clock = std::chrono::steady_clock;

  // One of a shared consumer's subscriptions, until the broker has said its last word on it.
  struct Subscription {
    v1::Subscribe subscribe;
    std::optional<v1::Subscribed> answer;  // the last one
    bool unsubscribing = false;
    bool draining = false;
  };

  static absl::Status Stale();

  // ---- From stream to stream (consume_streams.cc) ----
  static absl::Status EndOf(const v1::Cancelled& cancelled);
  void BeginStream() WARREN_REQUIRES(mutex_);
  // What a new stream subscribes to.
  v1::ConsumeRequest FirstFrame() WARREN_REQUIRES(mutex_);
  // Why the stream ended, which gRPC says did so with `status`.
  absl::Status WhyEnded(absl::Status status) WARREN_REQUIRES(mutex_);
  // Whether another stream may mend it.
  bool MayGoOn(const absl::Status& why) const WARREN_REQUIRES(mutex_);
  // The broker said why it ended a subscription: whether to lose the stream and try again.
  bool TriesAgain(const Subscription& subscription, const absl::Status& why) const
      WARREN_REQUIRES(mutex_);
  void LoseStream() WARREN_REQUIRES(mutex_);
  void Pause() WARREN_REQUIRES(mutex_);
  void End(absl::Status why) WARREN_EXCLUDES(mutex_);

  void ReadForWaiters() WARREN_REQUIRES(mutex_);
  PendingWrite NextWrite() WARREN_REQUIRES(mutex_);
  void OnSubscribed(const v1::Subscribed& subscribed) WARREN_EXCLUDES(mutex_);
  void OnSubscriptionEnd(uint32_t number, const absl::Status& why) WARREN_EXCLUDES(mutex_);
  void OnDrained(uint32_t number) WARREN_REQUIRES(mutex_);
  bool AllDrained() const WARREN_REQUIRES(mutex_);
  void OnDeliveries(DeliveryBatch batch) WARREN_EXCLUDES(mutex_);
  void OnSettleResults(v1::SettleResults& results) WARREN_EXCLUDES(mutex_);

  Consumer& owner_;
  const std::shared_ptr<grpc::Channel> channel_;
  const Authorization authorization_;
  const std::shared_ptr<IoThread> io_;
  const ConsumerOptions options_;
  MemberTag<Session, &Session::OnAlarm> alarm_tag_{this};

  mutable Mutex mutex_;
  CondVar changed_;
  v1::Subscribed subscribed_ WARREN_GUARDED_BY(mutex_);
  v1::Subscribe subscribe_ WARREN_GUARDED_BY(mutex_);  // of one that isn't shared
  // The broker has answered once.
  bool opened_ WARREN_GUARDED_BY(mutex_) = false;
  bool closing_ WARREN_GUARDED_BY(mutex_) = false;
  // The present stream has been given its first frame.
  bool started_ WARREN_GUARDED_BY(mutex_) = false;
  // The broker has answered on the present stream.
  bool live_ WARREN_GUARDED_BY(mutex_) = false;
  // The alarm will begin the next stream.
  bool pausing_ WARREN_GUARDED_BY(mutex_) = false;
  // There is no stream because there is nothing to subscribe to.
  bool idle_ WARREN_GUARDED_BY(mutex_) = false;
  grpc::Alarm alarm_ WARREN_GUARDED_BY(mutex_);
  Backoff backoff_ WARREN_GUARDED_BY(mutex_);
  Clock::time_point lost_since_ WARREN_GUARDED_BY(mutex_);
  // Why the last stream was lost.
  absl::Status lost_ WARREN_GUARDED_BY(mutex_);
  // No stream any more; end_ says why.
  bool ended_ WARREN_GUARDED_BY(mutex_) = false;
  // ended_, and the last callback has run.
  bool finished_ WARREN_GUARDED_BY(mutex_) = false;
  absl::Status end_ WARREN_GUARDED_BY(mutex_);
  // Why the stream was cancelled by this side.
  absl::Status violation_ WARREN_GUARDED_BY(mutex_);
  // The same, but another stream may do better.
  absl::Status retried_ WARREN_GUARDED_BY(mutex_);
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
  StreamTags tags_ WARREN_GUARDED_BY(mutex_);
  SettleBuffer settlements_ WARREN_GUARDED_BY(mutex_);
  // How often something was settled: in all, before the last Flush that was sent, and as far as it
  // is known to be durable.
  uint64_t settled_ WARREN_GUARDED_BY(mutex_) = 0;
  uint64_t settled_flushed_ WARREN_GUARDED_BY(mutex_) = 0;
  uint64_t settled_durable_ WARREN_GUARDED_BY(mutex_) = 0;
  std::deque<v1::ConsumeRequest> controls_ WARREN_GUARDED_BY(mutex_);
  // The settle_id of the last Flush, of the last one written, of the last one answered.
  uint64_t flush_wanted_ WARREN_GUARDED_BY(mutex_) = 0;
  uint64_t flush_sent_ WARREN_GUARDED_BY(mutex_) = 0;
  uint64_t flush_answered_ WARREN_GUARDED_BY(mutex_) = 0;
  // The first since the last Flush.
  absl::Status settle_failure_ WARREN_GUARDED_BY(mutex_);
};

}  // namespace warren::client
