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

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "bidi_stream.h"
#include "confirm_window.h"
#include "io_thread.h"
#include "publish_frame.h"
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
  using Lock = std::unique_lock<std::mutex>;
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

  // All REQUIRE the lock; those that take it by value release it.
  void BeginStream();
  void WriteNext(Lock lock);
  void OnOpened(const v1::PublishOpened& opened);
  bool HasRoom() const;
  void DropConfirmedFrames();
  void LoseSent(std::vector<ConfirmWindow::Due>& due);
  void Pause();
  void Fail(Lock lock, absl::Status status);
  // Runs the callbacks, then lets Flush and waiting publishers see what is confirmed.
  void Announce(Lock lock, const std::vector<ConfirmWindow::Due>& due);

  const std::shared_ptr<grpc::Channel> channel_;
  const std::shared_ptr<IoThread> io_;
  const PublisherOptions options_;
  MemberTag<Session, &Session::OnAlarm> alarm_tag_{this};

  mutable std::mutex mutex_;  // guards all below
  std::condition_variable changed_;    // state_, announced_
  std::condition_variable room_made_;  // for publishers that wait
  State state_ = State::kOpening;
  absl::Status failure_;       // once kFailed
  absl::Status violation_;     // why the stream was cancelled by this side
  bool finished_ = false;      // kFailed, and the last callback has run
  bool closing_ = false;
  bool opened_once_ = false;
  bool blocked_ = false;
  uint64_t resumed_from_ = 0;
  uint64_t max_message_bytes_ = 0;

  ConfirmWindow window_{1};
  uint64_t announced_ = 1;  // callbacks of all sequences below it have run
  std::deque<PublishFrame> frames_;
  size_t sent_ = 0;
  size_t held_bytes_ = 0;

  std::shared_ptr<BidiStream> stream_;
  bool writing_ = false;
  grpc::Alarm alarm_;
  std::chrono::milliseconds pause_{0};
  Clock::time_point broken_since_;
};

}  // namespace warren::client
