// One bidirectional call, from start to final status, as raw frames.
//
// Takes care of what gRPC asks of its caller: one write and one read at a time, and Finish only
// when neither is pending. The handler sees a simple life: OnStarted, then any number of OnWritten
// and OnRead, then OnFinished, once and last.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "authorization.h"
#include "io_thread.h"
#include "sync/mutex.h"

namespace warren::client {

// Thread-safe, with the REQUIRES below. The handler is called on the I/O thread, never inside one
// of these methods.
class BidiStream : public std::enable_shared_from_this<BidiStream> {
 public:
  class Handler {
   public:
    virtual ~Handler() = default;
    virtual void OnStarted() = 0;
    virtual void OnWritten() = 0;
    virtual void OnRead(grpc::ByteBuffer frame) = 0;
    virtual void OnFinished(absl::Status status) = 0;
  };

  // `handler` outlives OnFinished; `channel` and `io` outlive the stream.
  BidiStream(std::shared_ptr<grpc::Channel> channel, const std::string& method,
             const Authorization& authorization, IoThread& io, Handler& handler);

  // Begins the call. REQUIRES: called once, on an object that a shared_ptr holds.
  void Start();

  // Sends a frame; OnWritten follows, or OnFinished if the stream is broken. REQUIRES: started, no
  // write pending, WritesDone not called.
  void Write(const grpc::ByteBuffer& frame);

  // Half-closes; neither OnWritten nor any error follows of it. REQUIRES: as Write.
  void WritesDone();

  // Reads one frame; OnRead follows, or OnFinished. A stream ends by a read that fails, so a
  // handler that stops reading hears of no end. REQUIRES: started, no read pending.
  void StartRead();

  // Ends the call soon with CANCELLED.
  void Cancel();

 private:
  void Started(bool ok);
  void Written(bool ok);
  void HalfClosed(bool ok);
  void ReadDone(bool ok);
  void Finished(bool ok);
  // Marks a write as pending, unless it can't succeed any more.
  bool BeginWrite();
  // Whether to ask for the status now: the stream has ended and has nothing pending.
  bool BeginFinish() WARREN_REQUIRES(mutex_);
  void Finish();

  Handler& handler_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>> call_;

  MemberTag<BidiStream, &BidiStream::Started> started_tag_{this};
  MemberTag<BidiStream, &BidiStream::Written> written_tag_{this};
  MemberTag<BidiStream, &BidiStream::HalfClosed> half_closed_tag_{this};
  MemberTag<BidiStream, &BidiStream::ReadDone> read_tag_{this};
  MemberTag<BidiStream, &BidiStream::Finished> finished_tag_{this};

  // Touched by the pending operation, and by the I/O thread after it.
  grpc::ByteBuffer read_frame_;
  grpc::Status final_status_;
  // Keeps the stream alive from its start to its end.
  std::shared_ptr<BidiStream> self_;

  Mutex mutex_;
  bool writing_ WARREN_GUARDED_BY(mutex_) = false;
  bool reading_ WARREN_GUARDED_BY(mutex_) = false;
  // A write failed; no other begins.
  bool broken_ WARREN_GUARDED_BY(mutex_) = false;
  // The start or a read failed; nothing new begins.
  bool ended_ WARREN_GUARDED_BY(mutex_) = false;
  // The status was asked for.
  bool finishing_ WARREN_GUARDED_BY(mutex_) = false;
};

// A frame that its stream is given once no lock is held: the write is where the time goes. Holds
// the stream, which may end as soon as the lock is free. Without a stream there is nothing to send.
struct PendingWrite {
  std::shared_ptr<BidiStream> stream;
  grpc::ByteBuffer frame;

  void Send() const {
    if (stream != nullptr) stream->Write(frame);
  }
};

}  // namespace warren::client
