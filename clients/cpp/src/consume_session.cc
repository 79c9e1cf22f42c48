#include "consume_session.h"

#include <utility>

#include "codec.h"
#include "status.h"

namespace warren::client {
namespace {

constexpr char kMethod[] = "/warren.v1.BrokerService/Consume";
// Frames that may wait to be fetched before reading stops.
constexpr size_t kMaxFetchedFrames = 32;

std::unique_ptr<google::protobuf::Arena> MakeArena() {
  google::protobuf::ArenaOptions options;
  options.start_block_size = 4 << 10;
  options.max_block_size = 128 << 10;
  return std::make_unique<google::protobuf::Arena>(options);
}

absl::Status EndOf(const v1::Cancelled& cancelled) {
  switch (cancelled.reason()) {
    case v1::CANCEL_REASON_QUEUE_DELETED:
      return MakeError(absl::StatusCode::kCancelled, "QUEUE_DELETED", cancelled.message());
    case v1::CANCEL_REASON_SHUTTING_DOWN:
      return MakeError(absl::StatusCode::kUnavailable, "SHUTTING_DOWN", cancelled.message());
    default:
      return MakeError(absl::StatusCode::kCancelled, "CONSUMER_CANCELLED", cancelled.message());
  }
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
      }()) {}

Consumer::Session::~Session() {
  const MutexLock lock(mutex_);
  closing_ = true;
  if (stream_ != nullptr) {
    stream_->Cancel();
    if (std::exchange(reading_paused_, false)) stream_->StartRead();
  }
  changed_.Wait(mutex_, [this]() WARREN_REQUIRES(mutex_) { return finished_; });
}

absl::Status Consumer::Session::Open() {
  const MutexLock lock(mutex_);
  stream_ = std::make_shared<BidiStream>(channel_, kMethod, authorization_, *io_, *this);
  stream_->Start();
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

absl::Status Consumer::Session::Send(v1::ConsumeRequest control) {
  MutexLock lock(mutex_);
  if (ended_) return end_;
  controls_.push_back(std::move(control));
  const PendingWrite next = NextWrite();
  lock.Unlock();
  next.Send();
  return absl::OkStatus();
}

absl::Status Consumer::Session::Drain(std::chrono::milliseconds timeout) {
  MutexLock lock(mutex_);
  if (ended_) return end_;
  // Before the broker is asked: its answer may come at once, and must be known for one.
  draining_ = true;
  // What is on its way is no more than the prefetch, and must be read to get at the answer.
  if (std::exchange(reading_paused_, false)) stream_->StartRead();
  v1::ConsumeRequest& request = controls_.emplace_back();
  request.mutable_drain();
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

void Consumer::Session::OnStarted() {
  v1::ConsumeRequest request;
  *request.mutable_subscribe() = options_.subscribe;
  const MutexLock lock(mutex_);
  writing_ = true;
  stream_->StartRead();
  stream_->Write(Encode(request));
}

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
    if (flush_wanted_ > flush_sent_) request.mutable_settle()->set_settle_id(flush_wanted_);
    flush_sent_ = flush_wanted_;
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
  reading_paused_ = !options_.on_deliveries && !closing_ && !draining_ &&
                    fetched_.size() >= kMaxFetchedFrames;
  if (!reading_paused_) stream_->StartRead();
  switch (valid ? response.frame_case() : v1::ConsumeResponse::FRAME_NOT_SET) {
    case v1::ConsumeResponse::kSubscribed:
      subscribed_ = response.subscribed();
      opened_ = true;
      return changed_.NotifyAll();
    case v1::ConsumeResponse::kDeliveries:
      lock.Unlock();
      return OnDeliveries(DeliveryBatch(std::move(arena), response.deliveries()));
    case v1::ConsumeResponse::kSettleResults:
      lock.Unlock();
      return OnSettleResults(response.settle_results());
    case v1::ConsumeResponse::kCancelled:
      cancelled_ = response.cancelled();
      return;
    case v1::ConsumeResponse::kDrained:
      // A stopping broker says so unasked; why the consumer ends comes when it does.
      drained_ = draining_;
      return changed_.NotifyAll();
    case v1::ConsumeResponse::FRAME_NOT_SET:
      violation_ = MakeError(absl::StatusCode::kInternal, kProtocol,
                             "the broker sent a frame that this client doesn't understand; is the "
                             "client older than the broker?");
      stream_->Cancel();
      return;
  }
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

void Consumer::Session::OnSettleResults(const v1::SettleResults& results) {
  MutexLock lock(mutex_);
  if (!results.failures().empty() && settle_failure_.ok()) {
    settle_failure_ = ToStatus(results.failures(0).error());
  }
  if (results.settle_id() > flush_answered_) flush_answered_ = results.settle_id();
  changed_.NotifyAll();
  lock.Unlock();
  if (!options_.on_settle_failure) return;
  for (const v1::SettleFailure& failure : results.failures()) options_.on_settle_failure(failure);
}

void Consumer::Session::OnFinished(absl::Status status) {
  MutexLock lock(mutex_);
  stream_.reset();
  reading_paused_ = false;
  ended_ = true;
  if (closing_) {
    end_ = MakeError(absl::StatusCode::kCancelled, kClosed, "the consumer was closed");
  } else if (!violation_.ok()) {
    end_ = violation_;
  } else if (cancelled_.has_value()) {
    end_ = EndOf(*cancelled_);
  } else if (!status.ok()) {
    end_ = std::move(status);
  } else {
    end_ = MakeError(absl::StatusCode::kUnavailable, kUnavailable, "the broker ended the stream");
  }
  changed_.NotifyAll();
  const absl::Status end = end_;
  lock.Unlock();
  if (options_.on_end) options_.on_end(end);
  lock.Lock();
  finished_ = true;
  changed_.NotifyAll();
}

}  // namespace warren::client
