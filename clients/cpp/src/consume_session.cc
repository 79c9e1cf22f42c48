#include "consume_session.h"

#include <algorithm>
#include <utility>

#include "codec.h"
#include "status.h"

namespace warren::client {
namespace {

// Frames that may wait to be fetched before reading stops.
constexpr size_t kMaxFetchedFrames = 32;

std::unique_ptr<google::protobuf::Arena> MakeArena() {
  google::protobuf::ArenaOptions options;
  options.start_block_size = 4 << 10;
  options.max_block_size = 128 << 10;
  return std::make_unique<google::protobuf::Arena>(options);
}

absl::Status TimedOut(std::string_view what, std::chrono::milliseconds timeout) {
  return MakeError(absl::StatusCode::kDeadlineExceeded, kTimeout,
                   std::string(what) + " within " + std::to_string(timeout.count()) + " ms");
}

}  // namespace

Consumer::Session::Session(Consumer& owner, const Connection& connection, ConsumerOptions options)
    : owner_(owner),
      channel_(connection.channel()),
      authorization_(connection.options().authorization),
      io_(connection.io_thread()),
      options_([&] {
        if (options.subscribe.virtual_host().empty()) {
          options.subscribe.set_virtual_host(connection.options().virtual_host);
        }
        return std::move(options);
      }()),
      subscribe_(options_.subscribe) {}

Consumer::Session::~Session() {
  const MutexLock lock(mutex_);
  closing_ = true;
  if (stream_ != nullptr) {
    stream_->Cancel();
    if (std::exchange(reading_paused_, false)) stream_->StartRead();
  }
  if (pausing_) alarm_.Cancel();
  if (idle_) alarm_.Set(&io_->queue(), std::chrono::system_clock::now(), &alarm_tag_);
  changed_.Wait(mutex_, [this]() WARREN_REQUIRES(mutex_) { return finished_; });
}

absl::Status Consumer::Session::Open() {
  const MutexLock lock(mutex_);
  if (options_.shared) {
    last_number_ = std::max(subscribe_.subscription(), 1U);
    subscribe_.set_subscription(last_number_);
    subscriptions_[last_number_].subscribe = subscribe_;
  }
  BeginStream();
  changed_.Wait(mutex_, [this]() WARREN_REQUIRES(mutex_) { return opened_ || finished_; });
  return opened_ ? absl::OkStatus() : end_;
}

absl::StatusOr<DeliveryBatch> Consumer::Session::Next(std::chrono::milliseconds timeout) {
  const MutexLock lock(mutex_);
  const bool in_time = changed_.WaitFor(mutex_, timeout, [this]() WARREN_REQUIRES(mutex_) {
    return !fetched_.empty() || ended_ || drained_;
  });
  if (!in_time) return TimedOut("no message came", timeout);
  if (!fetched_.empty()) {
    DeliveryBatch batch = std::move(fetched_.front());
    fetched_.pop_front();
    if (reading_paused_ && fetched_.size() <= kMaxFetchedFrames / 2) {
      reading_paused_ = false;
      stream_->StartRead();
    }
    return batch;
  }
  if (ended_) return end_;
  return MakeError(absl::StatusCode::kOutOfRange, kDrained, "the consumer was drained");
}

absl::Status Consumer::Session::Flush(std::chrono::milliseconds timeout) {
  MutexLock lock(mutex_);
  if (ended_) return end_;
  // Without a stream nothing is on its way.
  if (!started_) return std::exchange(settle_failure_, absl::OkStatus());
  const uint64_t id = ++flush_wanted_;
  const PendingWrite next = NextWrite();
  lock.Unlock();
  next.Send();
  lock.Lock();
  if (!changed_.WaitFor(mutex_, timeout, [this, id]() WARREN_REQUIRES(mutex_) {
        return flush_answered_ >= id || ended_;
      })) {
    return TimedOut("settlements are not durable", timeout);
  }
  if (flush_answered_ < id) return end_;
  return std::exchange(settle_failure_, absl::OkStatus());
}

absl::Status Consumer::Session::SetPrefetch(v1::SetPrefetch prefetch) {
  MutexLock lock(mutex_);
  if (ended_) return end_;
  const auto it = subscriptions_.find(prefetch.subscription());
  v1::Subscribe& subscribe = it != subscriptions_.end() ? it->second.subscribe : subscribe_;
  subscribe.set_prefetch_messages(prefetch.prefetch_messages());
  subscribe.set_prefetch_bytes(prefetch.prefetch_bytes());
  if (!started_) return absl::OkStatus();
  *controls_.emplace_back().mutable_set_prefetch() = std::move(prefetch);
  const PendingWrite next = NextWrite();
  lock.Unlock();
  next.Send();
  return absl::OkStatus();
}

absl::StatusOr<v1::Subscribed> Consumer::Session::Subscribe(v1::Subscribe subscribe) {
  if (subscribe.virtual_host().empty()) {
    subscribe.set_virtual_host(options_.subscribe.virtual_host());
  }
  MutexLock lock(mutex_);
  if (ended_) return end_;
  if (subscribe.subscription() == 0) subscribe.set_subscription(last_number_ + 1);
  const uint32_t number = subscribe.subscription();
  if (!options_.shared || number <= last_number_) {
    return MakeError(absl::StatusCode::kInvalidArgument, kProtocol,
                     "a shared consumer's subscriptions have rising numbers; leave the number out");
  }
  last_number_ = number;
  if (started_) *controls_.emplace_back().mutable_subscribe() = subscribe;
  subscriptions_[number].subscribe = std::move(subscribe);
  if (std::exchange(idle_, false)) {
    lost_since_ = Clock::now();
    BeginStream();
  }
  ReadForWaiters();
  const PendingWrite next = NextWrite();
  lock.Unlock();
  next.Send();
  lock.Lock();
  changed_.Wait(mutex_, [this, number]() WARREN_REQUIRES(mutex_) {
    const auto it = subscriptions_.find(number);
    return ended_ || it == subscriptions_.end() || it->second.answer.has_value();
  });
  --waiters_;
  if (const auto refused = refused_.extract(number); !refused.empty()) return refused.mapped();
  const auto it = subscriptions_.find(number);
  if (it == subscriptions_.end() || !it->second.answer.has_value()) return end_;
  return *it->second.answer;
}

absl::Status Consumer::Session::Unsubscribe(uint32_t number) {
  MutexLock lock(mutex_);
  if (ended_) return end_;
  const auto it = subscriptions_.find(number);
  if (it == subscriptions_.end()) return absl::OkStatus();
  if (!started_) {
    subscriptions_.erase(it);
    changed_.NotifyAll();
    return absl::OkStatus();
  }
  it->second.unsubscribing = true;
  controls_.emplace_back().mutable_unsubscribe()->set_subscription(number);
  ReadForWaiters();
  const PendingWrite next = NextWrite();
  lock.Unlock();
  next.Send();
  lock.Lock();
  changed_.Wait(mutex_, [this, number]() WARREN_REQUIRES(mutex_) {
    return ended_ || !subscriptions_.contains(number);
  });
  --waiters_;
  return ended_ ? end_ : absl::OkStatus();
}

void Consumer::Session::ReadForWaiters() {
  ++waiters_;
  if (std::exchange(reading_paused_, false)) stream_->StartRead();
}

absl::Status Consumer::Session::Drain(std::chrono::milliseconds timeout) {
  MutexLock lock(mutex_);
  if (ended_) return end_;
  if (!started_) return lost_;
  // Before the broker is asked: its answer may come at once, and must be known for one.
  draining_ = true;
  // What is on its way is no more than the prefetch, and must be read to get at the answer.
  if (std::exchange(reading_paused_, false)) stream_->StartRead();
  if (!options_.shared) controls_.emplace_back().mutable_drain();
  for (auto& [number, subscription] : subscriptions_) {
    subscription.draining = true;
    controls_.emplace_back().mutable_drain()->set_subscription(number);
  }
  drained_ = options_.shared && AllDrained();
  const PendingWrite next = NextWrite();
  lock.Unlock();
  next.Send();
  lock.Lock();
  if (!changed_.WaitFor(mutex_, timeout,
                        [this]() WARREN_REQUIRES(mutex_) { return drained_ || ended_; })) {
    return TimedOut("the broker didn't drain the consumer", timeout);
  }
  return drained_ ? absl::OkStatus() : end_;
}

std::optional<v1::Cancelled> Consumer::Session::cancelled() const {
  const MutexLock lock(mutex_);
  return cancelled_;
}

std::string Consumer::Session::QueueOf(uint32_t number) const {
  const MutexLock lock(mutex_);
  const auto it = subscriptions_.find(number);
  const bool known = it != subscriptions_.end() && it->second.answer.has_value();
  return known ? it->second.answer->queue() : "";
}

v1::Subscribed Consumer::Session::subscribed() const {
  const MutexLock lock(mutex_);
  return subscribed_;
}

absl::StatusOr<v1::TransactionSettlement> Consumer::Session::ForTransaction(
    v1::Settlement settlement) const {
  const MutexLock lock(mutex_);
  if (ended_) return end_;
  if (!tags_.Lower(settlement)) return Stale();
  const auto it = subscriptions_.find(settlement.subscription());
  const bool known = it != subscriptions_.end() && it->second.answer.has_value();
  v1::TransactionSettlement entry;
  entry.set_consumer(known ? it->second.answer->consumer() : subscribed_.consumer());
  // There the name says whose they are.
  settlement.clear_subscription();
  *entry.mutable_settlement() = std::move(settlement);
  return entry;
}

absl::Status Consumer::Session::Stale() {
  return MakeError(absl::StatusCode::kFailedPrecondition, kDeliveryStale,
                   "the stream that the delivery came by was lost; the broker delivers it again");
}

// ---- On the I/O thread ----

void Consumer::Session::OnWritten() {
  MutexLock lock(mutex_);
  writing_ = false;
  const PendingWrite next = NextWrite();
  lock.Unlock();
  next.Send();
}

PendingWrite Consumer::Session::NextWrite() {
  if (writing_ || ended_ || (in_callback_ && io_->IsCurrent())) return {};
  v1::ConsumeRequest request;
  if (!settlements_.empty() || flush_wanted_ > flush_sent_) {
    *request.mutable_settle() = settlements_.Take();
    if (settlements_.empty()) {
      if (flush_wanted_ > flush_sent_) {
        request.mutable_settle()->set_settle_id(flush_wanted_);
        settled_flushed_ = settled_;
      }
      flush_sent_ = flush_wanted_;
    }
  } else if (!controls_.empty()) {
    request = std::move(controls_.front());
    controls_.pop_front();
  } else {
    return {};
  }
  writing_ = true;
  return {.stream = stream_, .frame = Encode(request)};
}

void Consumer::Session::OnRead(grpc::ByteBuffer frame) {
  auto arena = MakeArena();
  auto& response = *google::protobuf::Arena::CreateMessage<v1::ConsumeResponse>(arena.get());
  const bool valid = Decode(frame, response);
  MutexLock lock(mutex_);
  reading_paused_ = !options_.on_deliveries && !closing_ && !draining_ && waiters_ == 0 &&
                    fetched_.size() >= kMaxFetchedFrames;
  if (!reading_paused_) stream_->StartRead();
  switch (valid ? response.frame_case() : v1::ConsumeResponse::FRAME_NOT_SET) {
    case v1::ConsumeResponse::kSubscribed:
      lock.Unlock();
      return OnSubscribed(response.subscribed());
    case v1::ConsumeResponse::kDeliveries:
      tags_.Raise(*response.mutable_deliveries());
      lock.Unlock();
      return OnDeliveries(DeliveryBatch(std::move(arena), response.deliveries()));
    case v1::ConsumeResponse::kSettleResults:
      lock.Unlock();
      return OnSettleResults(*response.mutable_settle_results());
    case v1::ConsumeResponse::kCancelled:
      if (!options_.shared) {
        cancelled_ = response.cancelled();
        return;
      }
      lock.Unlock();
      return OnSubscriptionEnd(response.cancelled().subscription(), EndOf(response.cancelled()));
    case v1::ConsumeResponse::kDrained:
      return OnDrained(response.drained().subscription());
    case v1::ConsumeResponse::kSubscriptionEnded:
      lock.Unlock();
      return OnSubscriptionEnd(response.subscription_ended().subscription(),
                               response.subscription_ended().has_error()
                                   ? ToStatus(response.subscription_ended().error())
                                   : absl::OkStatus());
    case v1::ConsumeResponse::FRAME_NOT_SET:
      violation_ = MakeError(absl::StatusCode::kInternal, kProtocol,
                             "the broker sent a frame that this client doesn't understand; is the "
                             "client older than the broker?");
      stream_->Cancel();
      return;
  }
}

void Consumer::Session::OnSubscribed(const v1::Subscribed& subscribed) {
  MutexLock lock(mutex_);
  live_ = true;
  backoff_.Reset();
  bool anew = opened_ && !options_.shared;
  const auto it = subscriptions_.find(subscribed.subscription());
  if (it != subscriptions_.end()) {
    anew = it->second.answer.has_value();
    it->second.answer = subscribed;
  }
  if (!opened_ || subscribed.subscription() == subscribed_.subscription()) subscribed_ = subscribed;
  opened_ = true;
  changed_.NotifyAll();
  lock.Unlock();
  if (anew && options_.on_resubscribed) options_.on_resubscribed(subscribed);
}

void Consumer::Session::OnSubscriptionEnd(uint32_t number, const absl::Status& why) {
  MutexLock lock(mutex_);
  const auto it = subscriptions_.find(number);
  if (it == subscriptions_.end()) return;
  if (TriesAgain(it->second, why)) {
    if (retried_.ok()) retried_ = why;
    return stream_->Cancel();
  }
  const Subscription ended = std::move(it->second);
  subscriptions_.erase(it);
  if (!opened_) {
    // The first one, without which Open has nothing to give.
    violation_ = why;
    stream_->Cancel();
  } else if (!ended.answer.has_value()) {
    refused_.emplace(number, why);
  }
  if (draining_) drained_ = AllDrained();
  changed_.NotifyAll();
  lock.Unlock();
  if (!ended.answer.has_value() || ended.unsubscribing) return;
  if (options_.on_subscription_end) options_.on_subscription_end(number, why);
}

void Consumer::Session::OnDrained(uint32_t number) {
  // A stopping broker says so unasked; why the consumer ends comes when it does.
  if (!draining_) return;
  const auto it = subscriptions_.find(number);
  if (it != subscriptions_.end()) it->second.draining = false;
  drained_ = AllDrained();
  changed_.NotifyAll();
}

bool Consumer::Session::AllDrained() const {
  return std::none_of(subscriptions_.begin(), subscriptions_.end(),
                      [](const auto& entry) { return entry.second.draining; });
}

void Consumer::Session::OnDeliveries(DeliveryBatch batch) {
  MutexLock lock(mutex_);
  if (closing_ || batch.size() == 0) return;
  if (!options_.on_deliveries) {
    fetched_.push_back(std::move(batch));
    return changed_.NotifyAll();
  }
  in_callback_ = true;
  lock.Unlock();
  options_.on_deliveries(owner_, std::move(batch));
  lock.Lock();
  in_callback_ = false;
  const PendingWrite next = NextWrite();
  lock.Unlock();
  next.Send();
}

void Consumer::Session::OnSettleResults(v1::SettleResults& results) {
  MutexLock lock(mutex_);
  for (v1::SettleFailure& failure : *results.mutable_failures()) {
    failure.set_delivery_tag(tags_.Raised(failure.delivery_tag()));
  }
  if (results.settle_id() != 0 && results.settle_id() == flush_sent_) {
    settled_durable_ = settled_flushed_;
  }
  if (!results.failures().empty() && settle_failure_.ok()) {
    settle_failure_ = ToStatus(results.failures(0).error());
  }
  if (results.settle_id() > flush_answered_) flush_answered_ = results.settle_id();
  changed_.NotifyAll();
  lock.Unlock();
  if (!options_.on_settle_failure) return;
  for (const v1::SettleFailure& failure : results.failures()) options_.on_settle_failure(failure);
}

}  // namespace warren::client
