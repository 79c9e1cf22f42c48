// What the two streams have in common: a reader and a writer coroutine, one frame at a time in each
// direction, and one end.
//
//   reader: read a frame, wait while it is held, take it; until the client sends no more
//   writer: as long as the outbox has something, write one frame of it; then the end, if it is due
//
// While a frame is being written the outbox piles up what leaves as the next one. There is no
// linger timer: an idle stream's frame leaves at the end of the turn that filled it.
//
// A Stream implements what differs: Take, FillFrame, MayRead, Closed (see below). Loop thread only.
//
// A stream that doesn't open within about ten seconds is ended: it holds a call and does nothing.
//
// Invariants:
// 1. One read and one write are underway at most.
// 2. After End nothing is taken any more; what is in the outbox still leaves, then the status.
// 3. The broker is told that the publisher or consumer has gone exactly once, when reader and
//    writer have ended or the stream has failed.
#pragma once

#include <grpcpp/support/async_stream.h>

#include <optional>

#include "server/api/call.h"
#include "server/api/convert/error.h"

namespace warren::api {

class Stream : public Call {
 public:
  using Request = void (RawBrokerService::*)(
      grpc::ServerContext*, grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>*,
      grpc::CompletionQueue*, grpc::ServerCompletionQueue*, void*);

 protected:
  Stream(Api& api, runtime::RpcCells& rpc);
  ~Stream() = default;

  // The stream is to end with this status. The first call counts.
  void End(const absl::Status& status);
  bool ending() const { return end_.has_value(); }

  // The outbox has got something.
  void Filled() { writer_wake_.Set(); }

  // ---- What differs ----

  // Whether its frames wait for what else the turn brought; see runtime::Turnstile.
  virtual bool Publishes() const { return false; }
  // Takes one frame; an error ends the stream with it.
  virtual absl::Status Take(grpc::ByteBuffer& frame) = 0;
  // The client sends no more frames.
  virtual void HalfClosed() = 0;
  // Whether the next frame may be taken; Wake is called when it may have changed.
  virtual bool MayTake() const = 0;
  // The next frame out of the outbox, if there is one.
  virtual bool FillFrame(grpc::ByteBuffer& frame) = 0;
  // The frame is with the transport.
  virtual void Written() {}
  // The publisher or consumer is over; tell the broker. May be called twice.
  virtual void Leave() = 0;

  void Wake() override;
  void OnTick() override;
  void OnAccessChanged() override;

  // Serves the one that has just been requested with `method`.
  template <typename Derived>
  static runtime::Task ServeWith(Api& api, Request method, runtime::RpcCells& rpc);

 private:
  runtime::Task Read();
  runtime::Task Write();

  grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer> stream_;
  runtime::Event reader_wake_;
  runtime::Event writer_wake_;
  std::optional<absl::Status> end_;
  int ticks_before_opening_ = 0;
  bool opened_ = false;  // a frame has been taken
};

template <typename Derived>
runtime::Task Stream::ServeWith(Api& api, Request method, runtime::RpcCells& rpc) {
  Derived derived(api, rpc);
  Stream& stream = derived;
  const bool arrived = co_await runtime::Operation([&](void* tag) {
    (api.service.*method)(&stream.context(), &stream.stream_, &api.queue, &api.queue, tag);
  });
  if (!arrived) co_return;
  ServeWith<Derived>(api, method, rpc).Detach();
  co_await stream.Arrived();
  if (!stream.denied().ok()) stream.End(stream.denied());
  if (const absl::Status& status = api.loop.shutdown().stopping(); !status.ok()) {
    stream.End(status);
  }
  runtime::Task writer = stream.Write();
  co_await stream.Read();
  // After a fault the broker needn't wait until the client has read what is left for it.
  if (stream.ending()) stream.Leave();
  co_await writer;
  stream.Leave();
  while (!stream.gone()) co_await stream.over().Wait();
}

}  // namespace warren::api
