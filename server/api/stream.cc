#include "server/api/stream.h"

#include "server/base/error.h"
#include "server/runtime/log.h"

namespace warren::api {
namespace {

constexpr int kMaxTicksBeforeOpening = 10;

}  // namespace

Stream::Stream(Api& api, runtime::RpcCells& rpc)
    : Call(api, rpc),
      stream_(&context()),
      reader_wake_(api.loop.ready()),
      writer_wake_(api.loop.ready()) {}

void Stream::End(const absl::Status& status) {
  if (end_.has_value()) return;
  end_ = status;
  reader_wake_.Set();
  writer_wake_.Set();
}

void Stream::OnTick() {
  Call::OnTick();
  if (opened_ || ending() || ++ticks_before_opening_ <= kMaxTicksBeforeOpening) return;
  runtime::Log(runtime::LogCategory::kApi, runtime::LogLevel::kWarning,
               "a stream sent no first frame", {{"connection", context().peer()}});
  End(Error(absl::StatusCode::kDeadlineExceeded, "STREAM_NOT_OPENED", {"stream", "", ""},
            "the stream's first frame didn't come within 10 s"));
}

void Stream::OnAccessChanged() {
  if (!denied().ok()) End(denied());
  Wake();
}

void Stream::Wake() {
  if (!stopped().ok()) End(stopped());
  reader_wake_.Set();
  writer_wake_.Set();
}

runtime::Task Stream::Read() {
  grpc::ByteBuffer frame;
  while (!ending() && !gone()) {
    const bool ok =
        co_await runtime::Operation([&](void* tag) { stream_.Read(&frame, tag); });
    if (!ok) {
      // Half-closed, or the call is over; then `gone` comes as well.
      if (!gone()) HalfClosed();
      co_return;
    }
    if (Publishes()) co_await loop().turnstile().Pass(frame.Length());
    while (!MayTake() && !ending() && !gone()) co_await reader_wake_.Wait();
    if (ending() || gone()) co_return;
    opened_ = true;
    const absl::Status status = Take(frame);
    frame.Clear();
    if (!status.ok()) End(status);
  }
}

runtime::Task Stream::Write() {
  grpc::ByteBuffer frame;
  while (!gone()) {
    if (FillFrame(frame)) {
      const bool ok =
          co_await runtime::Operation([&](void* tag) { stream_.Write(frame, tag); });
      frame.Clear();
      if (!ok) co_return;
      Written();
      reader_wake_.Set();
    } else if (ending()) {
      Answered(end_->code());
      co_await runtime::Operation([&](void* tag) { stream_.Finish(ToGrpcStatus(*end_), tag); });
      co_return;
    } else {
      co_await writer_wake_.Wait();
    }
  }
}

}  // namespace warren::api
