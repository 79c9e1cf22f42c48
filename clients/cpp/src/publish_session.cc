#include "publish_session.h"

#include <google/protobuf/arena.h>

#include <utility>

#include "codec.h"
#include "status.h"

namespace warren::client {
namespace {

constexpr char kMethod[] = "/warren.v1.BrokerService/PublishStream";
// What properties and keys may add to the largest body.
constexpr uint64_t kEnvelopeBytes = 256 << 10;
// Of a broker that names no limit; protobuf can't do much more.
constexpr uint64_t kLargestMessageBytes = 1 << 30;

}  // namespace

Publisher::Session::Session(const Connection& connection, PublisherOptions options)
    : channel_(connection.channel()),
      authorization_(connection.options().authorization),
      io_(connection.io_thread()),
      options_([&] {
        if (options.virtual_host.empty()) options.virtual_host = connection.options().virtual_host;
        return std::move(options);
      }()) {}

Publisher::Session::~Session() { Close(); }

void Publisher::Session::Close() {
  const MutexLock lock(mutex_);
  closing_ = true;
  if (stream_ != nullptr) stream_->Cancel();
  if (state_ == State::kPausing) alarm_.Cancel();
  changed_.Wait(mutex_, [this]() WARREN_REQUIRES(mutex_) { return finished_; });
}

absl::Status Publisher::Session::Open() {
  const MutexLock lock(mutex_);
  BeginStream();
  changed_.Wait(mutex_, [this]() WARREN_REQUIRES(mutex_) {
    return state_ == State::kOpen || finished_;
  });
  return failure_;
}

absl::StatusOr<uint64_t> Publisher::Session::Publish(const v1::Publication& publication,
                                                     ConfirmCallback callback) {
  const size_t size = publication.ByteSizeLong();
  MutexLock lock(mutex_);
  const size_t body = publication.message().body().size();
  if (body > max_message_bytes_ || size > max_message_bytes_ + kEnvelopeBytes) {
    return MakeError(absl::StatusCode::kResourceExhausted, "MESSAGE_TOO_LARGE",
                     "message of " + std::to_string(size) + " bytes: the broker takes at most " +
                         std::to_string(max_message_bytes_));
  }
  if (!HasRoom() && state_ != State::kFailed) {
    if (io_->IsCurrent()) {
      return MakeError(absl::StatusCode::kResourceExhausted, kWindowFull,
                       std::to_string(window_.unconfirmed()) +
                           " messages are not confirmed yet; publish later or raise "
                           "max_unconfirmed");
    }
    room_made_.Wait(mutex_, [this]() WARREN_REQUIRES(mutex_) {
      return HasRoom() || state_ == State::kFailed;
    });
  }
  if (state_ == State::kFailed) return failure_;

  const uint64_t sequence = window_.Add(std::move(callback));
  if (sent_ == frames_.size() || !frames_.back().Fits(size)) frames_.emplace_back(sequence);
  const size_t before = frames_.back().bytes();
  frames_.back().Add(publication, size);
  held_bytes_ += frames_.back().bytes() - before;
  const PendingWrite next = NextWrite();
  lock.Unlock();
  next.Send();
  return sequence;
}

absl::Status Publisher::Session::Flush(std::chrono::milliseconds timeout) {
  const MutexLock lock(mutex_);
  const uint64_t target = window_.next();
  if (!changed_.WaitFor(mutex_, timeout, [this, target]() WARREN_REQUIRES(mutex_) {
        return announced_ >= target || finished_;
      })) {
    return MakeError(absl::StatusCode::kDeadlineExceeded, kTimeout,
                     std::to_string(window_.unconfirmed()) + " messages are not confirmed after " +
                         std::to_string(timeout.count()) + " ms");
  }
  return failure_;
}

bool Publisher::Session::blocked() const {
  const MutexLock lock(mutex_);
  return blocked_;
}

size_t Publisher::Session::unconfirmed() const {
  const MutexLock lock(mutex_);
  return window_.unconfirmed();
}

uint64_t Publisher::Session::resumed_from() const {
  const MutexLock lock(mutex_);
  return resumed_from_;
}

void Publisher::Session::BeginStream() {
  state_ = State::kOpening;
  stream_ = std::make_shared<BidiStream>(channel_, kMethod, authorization_, *io_, *this);
  stream_->Start();
}

void Publisher::Session::OnStarted() {
  v1::PublishStreamRequest request;
  request.mutable_open()->set_virtual_host(options_.virtual_host);
  request.mutable_open()->set_producer_id(options_.producer_id);
  const MutexLock lock(mutex_);
  writing_ = true;
  stream_->StartRead();
  stream_->Write(Encode(request));
}

void Publisher::Session::OnWritten() {
  MutexLock lock(mutex_);
  writing_ = false;
  const PendingWrite next = NextWrite();
  lock.Unlock();
  next.Send();
}

PendingWrite Publisher::Session::NextWrite() {
  if (state_ != State::kOpen || writing_ || sent_ == frames_.size()) return {};
  writing_ = true;
  return {.stream = stream_, .frame = frames_[sent_++].Serialize()};
}

void Publisher::Session::OnRead(grpc::ByteBuffer frame) {
  google::protobuf::Arena arena;
  auto& response = *google::protobuf::Arena::CreateMessage<v1::PublishStreamResponse>(&arena);
  const bool valid = Decode(frame, response);
  MutexLock lock(mutex_);
  stream_->StartRead();
  switch (valid ? response.frame_case() : v1::PublishStreamResponse::FRAME_NOT_SET) {
    case v1::PublishStreamResponse::kOpened: {
      OnOpened(response.opened());
      const PendingWrite next = NextWrite();
      lock.Unlock();
      return next.Send();
    }
    case v1::PublishStreamResponse::kConfirms: {
      const News news = Confirm(response.confirms());
      lock.Unlock();
      return Announce(news);
    }
    case v1::PublishStreamResponse::kBlocked:
      blocked_ = true;
      lock.Unlock();
      if (options_.on_blocked) options_.on_blocked(response.blocked());
      return;
    case v1::PublishStreamResponse::kUnblocked:
      blocked_ = false;
      lock.Unlock();
      if (options_.on_unblocked) options_.on_unblocked();
      return;
    case v1::PublishStreamResponse::FRAME_NOT_SET:
      violation_ = MakeError(absl::StatusCode::kInternal, kProtocol,
                             "the broker sent a frame that this client doesn't understand; is the "
                             "client older than the broker?");
      stream_->Cancel();
      return;
  }
}

Publisher::Session::News Publisher::Session::Confirm(const v1::PublishConfirms& confirms) {
  std::vector<ConfirmWindow::Due> due;
  for (const auto& confirm : confirms.confirms()) {
    window_.Confirm({.first_sequence = confirm.first_sequence(),
                     .last_sequence = confirm.last_sequence(),
                     .outcome = confirm.outcome(),
                     .error = ToStatus(confirm.error())},
                    due);
  }
  DropConfirmedFrames();
  return {.due = std::move(due), .base = window_.base()};
}

void Publisher::Session::OnOpened(const v1::PublishOpened& opened) {
  max_message_bytes_ = opened.max_message_bytes();
  if (max_message_bytes_ == 0) max_message_bytes_ = kLargestMessageBytes;
  if (!opened_once_) {
    opened_once_ = true;
    resumed_from_ = opened.last_sequence();
    window_ = ConfirmWindow(resumed_from_ + 1);
    announced_ = window_.base();
  }
  sent_ = 0;
  backoff_.Reset();
  state_ = State::kOpen;
  changed_.NotifyAll();
}

void Publisher::Session::OnFinished(absl::Status status) {
  MutexLock lock(mutex_);
  stream_.reset();
  writing_ = false;
  blocked_ = false;
  if (!violation_.ok()) status = violation_;
  if (status.ok()) {
    status = MakeError(absl::StatusCode::kUnavailable, kUnavailable, "the broker ended the stream");
  }
  const News news = GoOnOrFail(std::move(status));
  lock.Unlock();
  Announce(news);
}

Publisher::Session::News Publisher::Session::GoOnOrFail(absl::Status status) {
  if (closing_ || !opened_once_ || !IsTransient(status)) return Fail(std::move(status));

  if (state_ == State::kOpen) broken_since_ = Clock::now();
  if (Clock::now() - broken_since_ > options_.reconnect_timeout) return Fail(std::move(status));
  News news{.due = {}, .base = window_.base()};
  if (options_.producer_id.empty()) news = LoseSent();
  Pause();
  return news;
}

Publisher::Session::News Publisher::Session::LoseSent() {
  const uint64_t end = sent_ < frames_.size() ? frames_[sent_].first_sequence() : window_.next();
  if (end == window_.base()) return {.due = {}, .base = end};
  std::vector<ConfirmWindow::Due> due;
  window_.Confirm({.first_sequence = window_.base(),
                   .last_sequence = end - 1,
                   .outcome = v1::OUTCOME_UNSPECIFIED,
                   .error = MakeError(absl::StatusCode::kUnavailable, kConfirmLost,
                                      "the connection broke before the confirm came; set a "
                                      "producer_id to have such messages sent again safely")},
                  due);
  DropConfirmedFrames();
  return {.due = std::move(due), .base = window_.base()};
}

void Publisher::Session::Pause() {
  state_ = State::kPausing;
  sent_ = 0;
  alarm_.Set(&io_->queue(), std::chrono::system_clock::now() + backoff_.Next(), &alarm_tag_);
}

void Publisher::Session::OnAlarm(bool) {
  MutexLock lock(mutex_);
  if (!closing_) return BeginStream();
  const News news = Fail(absl::OkStatus());
  lock.Unlock();
  Announce(news);
}

Publisher::Session::News Publisher::Session::Fail(absl::Status status) {
  state_ = State::kFailed;
  failure_ = closing_ ? MakeError(absl::StatusCode::kCancelled, kClosed, "the publisher was closed")
                      : std::move(status);
  std::vector<ConfirmWindow::Due> due;
  window_.Confirm({.first_sequence = window_.base(),
                   .last_sequence = window_.next() - 1,
                   .outcome = v1::OUTCOME_UNSPECIFIED,
                   .error = failure_},
                  due);
  frames_.clear();
  return {.due = std::move(due), .base = window_.base()};
}

bool Publisher::Session::HasRoom() const {
  return window_.unconfirmed() < options_.max_unconfirmed &&
         (held_bytes_ < options_.max_unconfirmed_bytes || window_.unconfirmed() == 0);
}

void Publisher::Session::DropConfirmedFrames() {
  while (sent_ > 0 && frames_.front().last_sequence() < window_.base()) {
    held_bytes_ -= frames_.front().bytes();
    frames_.pop_front();
    --sent_;
  }
}

void Publisher::Session::Announce(const News& news) {
  for (const ConfirmWindow::Due& run : news.due) {
    if (options_.on_confirm) options_.on_confirm(run.range);
    for (size_t i = 0; i < run.callbacks.size(); ++i) {
      Confirmation one = run.range;
      one.first_sequence = one.last_sequence = run.sequences[i];
      run.callbacks[i](one);
    }
  }
  const MutexLock lock(mutex_);
  announced_ = news.base;
  if (state_ == State::kFailed) finished_ = true;
  changed_.NotifyAll();
  // Waking a publisher for each freed place would make it send small frames, and costs more than
  // the place is worth; so wait until a quarter of the window is free.
  const bool worth_waking =
      window_.unconfirmed() <= options_.max_unconfirmed - options_.max_unconfirmed / 4 &&
      held_bytes_ <= options_.max_unconfirmed_bytes - options_.max_unconfirmed_bytes / 4;
  if (worth_waking || finished_) room_made_.NotifyAll();
}

}  // namespace warren::client
