// The life of a publisher: its frames, its window, and one stream after the other.
//
// A message enters the last frame of frames_ and the window. Frames are written in order, one at a
// time, and stay in frames_ until all their messages are confirmed, so that a new stream can begin
// again with the first of them.
//
// Invariants: (1) frames_ covers all unconfirmed sequences, without gaps, in order; (2) frames
// before sent_ were given to the current stream, only the last one of the others still grows;
// (3) callbacks run on the I/O thread, without the lock.
#pragma once

#include <grpcpp/alarm.h>

#include <deque>
#include <memory>
#include <vector>

#include "backoff.h"
#include "bidi_stream.h"
#include "confirm_window.h"
#include "io_thread.h"
#include "publish_frame.h"
#include "sync/mutex.h"
#include "warren/client/publisher.h"

namespace warren::client {

// Thread-safe; documented in Publisher.
class Publisher::Session final : public BidiStream::Handler {
 public:
  Session(const Connection& connection, PublisherOptions options);
  ~Session() override;

  absl::Status Open();
  absl::StatusOr<uint64_t> Publish(const v1::Publication& publication, ConfirmCallback callback);
  absl::Status Flush(std::chrono::milliseconds timeout);
  void Close();
  bool blocked() const;
  size_t unconfirmed() const;
  uint64_t resumed_from() const;

 private:
  using Clock = std::chrono::steady_clock;

  enum class State {
    kOpening,  // a stream was begun; the broker hasn't answered
    kOpen,
    kPausing,  // the alarm will begin the next stream
    kFailed,   // for good
  };

  void OnStarted() override;
  void OnWritten() override;
  void OnRead(grpc::ByteBuffer frame) override;
  void OnFinished(absl::Status status) override;
  void OnAlarm(bool fired);

  // What is to be announced once the lock is free.
  struct News {
    std::vector<ConfirmWindow::Due> due;
    uint64_t base;  // all sequences below it are confirmed
  };

  void BeginStream() WARREN_REQUIRES(mutex_);
  PendingWrite NextWrite() WARREN_REQUIRES(mutex_);
  void OnOpened(const v1::PublishOpened& opened) WARREN_REQUIRES(mutex_);
  bool HasRoom() const WARREN_REQUIRES(mutex_);
  void DropConfirmedFrames() WARREN_REQUIRES(mutex_);
  News Confirm(const v1::PublishConfirms& confirms) WARREN_REQUIRES(mutex_);
  News LoseSent() WARREN_REQUIRES(mutex_);
  void Pause() WARREN_REQUIRES(mutex_);
  // The stream ended with `status`: a pause and another one, or the end.
  News GoOnOrFail(absl::Status status) WARREN_REQUIRES(mutex_);
  News Fail(absl::Status status) WARREN_REQUIRES(mutex_);
  // Runs the callbacks, then lets Flush and waiting publishers see what is confirmed. On the I/O
  // thread, in the order in which the news came up.
  void Announce(const News& news) WARREN_EXCLUDES(mutex_);

  const std::shared_ptr<grpc::Channel> channel_;
  const Authorization authorization_;
  const std::shared_ptr<IoThread> io_;
  const PublisherOptions options_;
  MemberTag<Session, &Session::OnAlarm> alarm_tag_{this};

  mutable Mutex mutex_;
  CondVar changed_;    // state_, announced_
  CondVar room_made_;  // for publishers that wait
  State state_ WARREN_GUARDED_BY(mutex_) = State::kOpening;
  // Once kFailed.
  absl::Status failure_ WARREN_GUARDED_BY(mutex_);
  // Why the stream was cancelled by this side.
  absl::Status violation_ WARREN_GUARDED_BY(mutex_);
  // kFailed, and the last callback has run.
  bool finished_ WARREN_GUARDED_BY(mutex_) = false;
  bool closing_ WARREN_GUARDED_BY(mutex_) = false;
  bool opened_once_ WARREN_GUARDED_BY(mutex_) = false;
  bool blocked_ WARREN_GUARDED_BY(mutex_) = false;
  uint64_t resumed_from_ WARREN_GUARDED_BY(mutex_) = 0;
  uint64_t max_message_bytes_ WARREN_GUARDED_BY(mutex_) = 0;

  ConfirmWindow window_ WARREN_GUARDED_BY(mutex_){1};
  // Callbacks of all sequences below it have run.
  uint64_t announced_ WARREN_GUARDED_BY(mutex_) = 1;
  std::deque<PublishFrame> frames_ WARREN_GUARDED_BY(mutex_);
  size_t sent_ WARREN_GUARDED_BY(mutex_) = 0;
  size_t held_bytes_ WARREN_GUARDED_BY(mutex_) = 0;

  std::shared_ptr<BidiStream> stream_ WARREN_GUARDED_BY(mutex_);
  bool writing_ WARREN_GUARDED_BY(mutex_) = false;
  grpc::Alarm alarm_ WARREN_GUARDED_BY(mutex_);
  Backoff backoff_ WARREN_GUARDED_BY(mutex_);
  Clock::time_point broken_since_ WARREN_GUARDED_BY(mutex_);
};

}  // namespace warren::client
