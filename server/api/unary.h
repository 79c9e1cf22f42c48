// Unary calls that are one command and one reply.
//
// An Rpc names the method, its messages, and the two conversions:
//   using Request, Response;
//   static constexpr auto kRequest = &RawBrokerService::Request…;  // or of RawAdminService
//   static constexpr bool kHeld;      // waits while publishers are held
//   static constexpr bool kDelivers;  // refused once the broker is draining
//   static absl::StatusOr<core::Command> ToCommand(Api&, Request&, core::RequestId);
//   static void SetResponse(core::Replied&, Response&);
// and, if some of its requests are the way out of what holds publishers,
//   static bool FinishesWork(const Request&);  // settles what was delivered: not refused while
//                                              // the broker drains, held for the journal alone
// For operators' calls:
//   static constexpr auth::Tag kTag;           // asked for before anything else is looked at
//   static std::string* Password(Request&);    // to be hashed; null: there is none
//   static absl::Status SetHash(Request&, std::string hash);  // instead of it
//   static Audit ToAudit(const Request&);      // what goes into the log, with who did it
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/support/async_unary_call.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "server/api/call.h"
#include "server/api/convert/error.h"
#include "server/runtime/log.h"

namespace warren::api {

// A line of the log about what an operator changed.
struct Audit {
  std::string_view what;
  std::string object;
  std::string virtual_host;
};

// For an Rpc to derive from: it goes on while publishers are held and while the broker drains.
struct AlwaysServed {
  static constexpr bool kHeld = false;
  static constexpr bool kDelivers = false;
};

// The same, and that it was done is all that it answers.
struct AnsweredEmpty : AlwaysServed {
  static void SetResponse(core::Replied&, auto& /*response*/) {}
};

template <typename Rpc>
class UnaryCall final : public Call, public runtime::CallSink {
 public:
  // Waits for a call, serves it, and before that sees to it that the next one is waited for.
  static runtime::Task Serve(Api& api, runtime::RpcCells& rpc) {
    UnaryCall call(api, rpc);
    const bool arrived = co_await runtime::Operation([&](void* tag) {
      (ServiceOf(api, Rpc::kRequest).*Rpc::kRequest)(&call.context(), &call.request_,
                                                    &call.responder_, &api.queue, &api.queue, tag);
    });
    if (!arrived) co_return;
    Serve(api, rpc).Detach();
    co_await call.Arrived();
    call.Read();
    co_await call.HashPassword();
    while (call.MustWait()) co_await call.wake_.Wait();
    call.Submit();
    while (call.AwaitsReply()) co_await call.wake_.Wait();
    co_await runtime::Operation([&](void* tag) { call.Finish(tag); });
    while (!call.gone()) co_await call.over().Wait();
  }

 private:
  UnaryCall(Api& api, runtime::RpcCells& rpc)
      : Call(api, rpc), responder_(&context()), wake_(api.loop.ready()) {}
  ~UnaryCall() {
    if (request_id_) loop().registry().Remove(request_id_);
  }

  void Read() {
    status_ = denied();
    if (status_.ok()) status_ = Parse(request_, message_.emplace());
    request_.Clear();
    if constexpr (requires { Rpc::kTag; }) {
      if (!status_.ok()) return;
      status_ = access()->MustHave(Rpc::kTag);
      if (!status_.ok()) NoteRefusal(status_, true);
    }
  }

  runtime::Task HashPassword() {
    if constexpr (requires { Rpc::Password(*message_); }) {
      std::string* const password = status_.ok() ? Rpc::Password(*message_) : nullptr;
      if (password == nullptr) co_return;
      // The alarm brings the hash back from the authenticator's thread.
      grpc::Alarm alarm;
      std::string hash;
      co_await runtime::Operation([&](void* tag) {
        api().authenticator.Hash(std::move(*password), [&, tag](std::string made) {
          hash = std::move(made);
          alarm.Set(&api().queue, std::chrono::system_clock::time_point{}, tag);
        });
      });
      status_ = denied().ok() ? Rpc::SetHash(*message_, std::move(hash)) : denied();
    }
    co_return;
  }

  bool FinishesWork() const {
    if constexpr (requires { Rpc::FinishesWork(*message_); }) return Rpc::FinishesWork(*message_);
    return false;
  }

  bool MustWait() {
    if (!Rpc::kHeld || !status_.ok() || gone() || !Refusal().ok()) return false;
    return FinishesWork() ? loop().flow().holds_settling() : loop().flow().held();
  }

  // Why the call isn't taken at all.
  absl::Status Refusal() {
    if (!stopped().ok()) return stopped();
    return Rpc::kDelivers && !FinishesWork() ? loop().shutdown().stopping()
                                             : loop().shutdown().ended();
  }

  void Submit() {
    if (status_.ok()) status_ = Refusal();
    if (gone() || !status_.ok()) return;
    request_id_ = loop().registry().Add(*this);
    if constexpr (requires { Rpc::ToAudit(*message_); }) audit_ = Rpc::ToAudit(*message_);
    absl::StatusOr<core::Command> command = Rpc::ToCommand(api(), *message_, request_id_);
    message_.reset();
    status_ = command.ok() ? Permit(*command) : command.status();
    if (!status_.ok()) return;
    SetOwner(*command);
    submitted_ = true;
    loop().Submit(*std::move(command));
  }

  void SetOwner(core::Command& command) const {
    std::visit(
        [this](auto& c) {
          if constexpr (requires { c.owner; }) c.owner = owner();
        },
        command);
  }

  bool AwaitsReply() const {
    return submitted_ && !reply_.has_value() && !gone() && stopped().ok();
  }

  void Finish(void* tag) {
    if (submitted_) status_ = reply_.has_value() ? reply_->status : stopped();
    NoteChange();
    if (!status_.ok() || !reply_.has_value()) {
      if (status_.ok()) status_ = absl::CancelledError("the client has gone");
      Answered(status_.code());
      responder_.FinishWithError(ToGrpcStatus(status_), tag);
      return;
    }
    typename Rpc::Response response;
    Rpc::SetResponse(*reply_, response);
    Answered(absl::StatusCode::kOk);
    responder_.Finish(Serialize(response), grpc::Status::OK, tag);
  }

  void NoteChange() {
    if (!audit_) return;
    runtime::Log(runtime::LogCategory::kAuth, runtime::LogLevel::kInfo, audit_->what,
                 {{"name", audit_->object},
                  {"virtual_host", audit_->virtual_host},
                  {"by", access()->user_name()},
                  {"connection", context().peer()},
                  {"result", absl::StatusCodeToString(status_.code())}});
  }

  void OnReplied(core::Replied reply) override {
    reply_ = std::move(reply);
    wake_.Set();
  }

  void Wake() override { wake_.Set(); }

  grpc::ByteBuffer request_;
  std::optional<typename Rpc::Request> message_;  // until it is a command
  grpc::ServerAsyncResponseWriter<grpc::ByteBuffer> responder_;
  runtime::Event wake_;
  core::RequestId request_id_;
  bool submitted_ = false;
  std::optional<core::Replied> reply_;
  std::optional<Audit> audit_;  // once it is a command
  absl::Status status_;
};

// Starts to serve a method of BrokerService, or of another service.
template <typename Rpc>
void ServeUnary(Api& api, std::string_view method,
                std::string_view service = v1::BrokerService::service_full_name()) {
  UnaryCall<Rpc>::Serve(api, CountersOf(api, runtime::RpcType::kUnary, method, service)).Detach();
}

}  // namespace warren::api
