// A consumer's way from stream to stream: when it tries another one, what it takes along, and its end.
#include <utility>

#include "codec.h"
#include "consume_session.h"
#include "status.h"

namespace warren::client {
namespace {

constexpr char kMethod[] = "/warren.v1.BrokerService/Consume";

// The names are still those of the stream that was lost, until the broker notices.
bool IsHeld(const absl::Status& status) {
  const std::string reason = ErrorInfoOf(status).reason;
  return reason == "CONSUMER_EXISTS" || reason == "QUEUE_EXCLUSIVELY_CONSUMED";
}

}  // namespace

absl::Status Consumer::Session::EndOf(const v1::Cancelled& cancelled) {
  switch (cancelled.reason()) {
    case v1::CANCEL_REASON_QUEUE_DELETED:
      return MakeError(absl::StatusCode::kCancelled, "QUEUE_DELETED", cancelled.message());
    case v1::CANCEL_REASON_SHUTTING_DOWN:
      return MakeError(absl::StatusCode::kUnavailable, "SHUTTING_DOWN", cancelled.message());
    default:
      return MakeError(absl::StatusCode::kCancelled, "CONSUMER_CANCELLED", cancelled.message());
  }
}

void Consumer::Session::BeginStream() {
  stream_ = std::make_shared<BidiStream>(channel_, kMethod, authorization_, *io_, *this);
  writing_ = true;  // until its first frame is
  stream_->Start();
}

v1::ConsumeRequest Consumer::Session::FirstFrame() {
  v1::ConsumeRequest request;
  if (!options_.shared) {
    *request.mutable_subscribe() = subscribe_;
    return request;
  }
  for (const auto& [number, subscription] : subscriptions_) {
    *controls_.emplace_back().mutable_subscribe() = subscription.subscribe;
  }
  request = std::move(controls_.front());
  controls_.pop_front();
  return request;
}

absl::Status Consumer::Session::WhyEnded(absl::Status status) {
  if (closing_) return MakeError(absl::StatusCode::kCancelled, kClosed, "the consumer was closed");
  if (!violation_.ok()) return violation_;
  if (!retried_.ok()) return retried_;
  if (cancelled_.has_value()) return EndOf(*cancelled_);
  if (!status.ok()) return status;
  return MakeError(absl::StatusCode::kUnavailable, kUnavailable, "the broker ended the stream");
}

bool Consumer::Session::MayGoOn(const absl::Status& why) const {
  if (!opened_ || closing_ || draining_ || !violation_.ok()) return false;
  if (!IsTransient(why) && !IsHeld(why)) return false;
  if (options_.reconnect_timeout.count() <= 0) return false;
  return live_ || Clock::now() - lost_since_ <= options_.reconnect_timeout;
}

bool Consumer::Session::TriesAgain(const Subscription& subscription,
                                   const absl::Status& why) const {
  return subscription.answer.has_value() && !subscription.unsubscribing && MayGoOn(why);
}

void Consumer::Session::LoseStream() {
  tags_.Lose();
  settlements_ = SettleBuffer();
  controls_.clear();
  if (settled_ > settled_durable_ && settle_failure_.ok()) {
    settle_failure_ = MakeError(absl::StatusCode::kUnavailable, kSettlementsLost,
                                "the stream was lost before the settlements were durable; what was "
                                "not is delivered again");
  }
  settled_flushed_ = settled_durable_ = settled_;
  flush_sent_ = flush_answered_ = flush_wanted_;
  // What comes settled won't come again.
  bool settled = subscribe_.auto_ack();
  std::erase_if(subscriptions_, [](const auto& entry) { return entry.second.unsubscribing; });
  for (const auto& [number, subscription] : subscriptions_) {
    settled = settled || subscription.subscribe.auto_ack();
  }
  if (!settled) fetched_.clear();
  cancelled_.reset();
  retried_ = absl::OkStatus();
  changed_.NotifyAll();
}

void Consumer::Session::Pause() {
  idle_ = options_.shared && subscriptions_.empty();
  if (idle_) return;
  pausing_ = true;
  alarm_.Set(&io_->queue(), std::chrono::system_clock::now() + backoff_.Next(), &alarm_tag_);
}

void Consumer::Session::OnAlarm(bool) {
  MutexLock lock(mutex_);
  pausing_ = false;
  if (closing_) {
    const absl::Status why = WhyEnded(absl::OkStatus());
    lock.Unlock();
    return End(why);
  }
  idle_ = options_.shared && subscriptions_.empty();  // all were given up meanwhile
  if (!idle_) BeginStream();
}

void Consumer::Session::End(absl::Status why) {
  MutexLock lock(mutex_);
  ended_ = true;
  end_ = why;
  changed_.NotifyAll();
  lock.Unlock();
  if (options_.on_end) options_.on_end(why);
  lock.Lock();
  finished_ = true;
  changed_.NotifyAll();
}

void Consumer::Session::OnStarted() {
  const MutexLock lock(mutex_);
  // Its last subscription may have been given up meanwhile.
  if (options_.shared && subscriptions_.empty()) {
    retried_ = MakeError(absl::StatusCode::kUnavailable, kUnavailable, "nothing to subscribe to");
    stream_->StartRead();
    return stream_->Cancel();
  }
  started_ = true;
  stream_->StartRead();
  stream_->Write(Encode(FirstFrame()));
}

void Consumer::Session::OnFinished(absl::Status status) {
  MutexLock lock(mutex_);
  stream_.reset();
  reading_paused_ = false;
  writing_ = false;
  started_ = false;
  const absl::Status why = WhyEnded(std::move(status));
  if (!MayGoOn(why)) {
    lock.Unlock();
    return End(why);
  }
  const bool was_live = std::exchange(live_, false);
  if (was_live) lost_since_ = Clock::now();
  lost_ = why;
  LoseStream();
  Pause();
  lock.Unlock();
  if (was_live && options_.on_lost) options_.on_lost(why);
}

}  // namespace warren::client
