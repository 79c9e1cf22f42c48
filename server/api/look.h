// Unary calls that look at what is there and leave the core as it is. They are answered on the
// loop's thread, also while publishers are held and while the broker drains.
//
// A Look names the method and its messages, and answers:
//   using Request, Response;
//   static constexpr auto kRequest = &RawAdminService::Request…;
//   absl::Status Begin(const Caller&, Request&, Response&);
// and, if its cost grows with what is in the broker,
//   absl::StatusOr<bool> Continue(const Caller&, Response&);  // true: that was all
// which does a part of it, in about a millisecond at most, and is called turn after turn, so that
// nothing else waits for it. What it points to may be gone by the next turn.
#pragma once

#include <grpcpp/support/async_unary_call.h>

#include <string_view>

#include "server/api/call.h"
#include "server/api/convert/error.h"

namespace warren::api {

// Who asks, and whom.
struct Caller {
  Api& api;
  const auth::Access& access;
  const runtime::Session& session;  // of this very call

  const core::Broker& broker() const { return api.loop.broker(); }
};

template <typename Look>
class LookCall final : public Call {
 public:
  // Waits for a call, serves it, and before that sees to it that the next one is waited for.
  static runtime::Task Serve(Api& api, runtime::RpcCells& rpc) {
    LookCall call(api, rpc);
    const bool arrived = co_await runtime::Operation([&](void* tag) {
      (ServiceOf(api, Look::kRequest).*Look::kRequest)(&call.context(), &call.request_,
                                                      &call.responder_, &api.queue, &api.queue,
                                                      tag);
    });
    if (!arrived) co_return;
    Serve(api, rpc).Detach();
    co_await call.Arrived();
    call.Begin();
    while (call.MustGoOn()) {
      co_await runtime::NextTurn(api.loop.ready());
      call.GoOn();
    }
    co_await runtime::Operation([&](void* tag) { call.Finish(tag); });
    while (!call.gone()) co_await call.over().Wait();
  }

 private:
  LookCall(Api& api, runtime::RpcCells& rpc) : Call(api, rpc), responder_(&context()) {}
  ~LookCall() = default;

  static constexpr bool kContinues =
      requires(Look look, const Caller& caller, typename Look::Response& response) {
        look.Continue(caller, response);
      };

  Caller caller() { return {.api = api(), .access = *access(), .session = *this}; }

  void Begin() {
    status_ = denied();
    if (status_.ok()) status_ = stopped();
    typename Look::Request request;
    if (status_.ok()) status_ = Parse(request_, request);
    request_.Clear();
    if (status_.ok()) status_ = look_.Begin(caller(), request, response_);
    done_ = !kContinues || !status_.ok();
    GoOn();
  }

  bool MustGoOn() const { return !done_ && !gone() && stopped().ok() && denied().ok(); }

  void GoOn() {
    if constexpr (kContinues) {
      if (!MustGoOn()) return;
      const absl::StatusOr<bool> done = look_.Continue(caller(), response_);
      if (!done.ok()) status_ = done.status();
      done_ = !done.ok() || *done;
    }
  }

  void Finish(void* tag) {
    if (status_.ok() && !done_) status_ = Interruption();
    if (absl::IsPermissionDenied(status_)) NoteRefusal(status_, true);
    Answered(status_.code());
    if (status_.ok()) {
      responder_.Finish(Serialize(response_), grpc::Status::OK, tag);
    } else {
      responder_.FinishWithError(ToGrpcStatus(status_), tag);
    }
  }

  // Why it ends before it is done.
  absl::Status Interruption() const {
    if (!stopped().ok()) return stopped();
    return !denied().ok() ? denied() : absl::CancelledError("the client has gone");
  }

  void Wake() override {}

  grpc::ByteBuffer request_;
  grpc::ServerAsyncResponseWriter<grpc::ByteBuffer> responder_;
  Look look_;
  typename Look::Response response_;
  absl::Status status_;
  bool done_ = false;
};

// Starts to serve a method of AdminService.
template <typename Look>
void ServeLook(Api& api, std::string_view method) {
  LookCall<Look>::Serve(api, CountersOf(api, runtime::RpcType::kUnary, method,
                                        v1::AdminService::service_full_name()))
      .Detach();
}

}  // namespace warren::api
