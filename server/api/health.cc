#include "server/api/health.h"

#include <grpcpp/support/async_stream.h>
#include <grpcpp/support/async_unary_call.h>

#include "absl/strings/str_cat.h"
#include "server/api/convert/error.h"
#include "server/base/error.h"

namespace warren::api {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

HealthCheckResponse::ServingStatus StatusOf(const HealthState& state, const runtime::Loop& loop,
                                            const std::string& service) {
  if (!service.empty() && service != v1::BrokerService::service_full_name() &&
      service != v1::AdminService::service_full_name()) {
    return HealthCheckResponse::SERVICE_UNKNOWN;
  }
  const bool serves = state.serving && loop.flow().StorageTrouble().empty();
  return serves ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
}

runtime::RpcCells& HealthCounters(Api& api, runtime::RpcType type, std::string_view method) {
  return api.loop.stats().rpcs.Register(type, grpc::health::v1::Health::service_full_name(), method);
}

class CheckCall final : public Call {
 public:
  static runtime::Task Serve(Api& api, HealthState& state, runtime::RpcCells& rpc) {
    CheckCall call(api, rpc);
    const bool arrived = co_await runtime::Operation([&](void* tag) {
      state.service.RequestCheck(&call.context(), &call.request_, &call.responder_, &api.queue,
                                 &api.queue, tag);
    });
    if (!arrived) co_return;
    Serve(api, state, rpc).Detach();
    call.BeginSession();  // probes don't log in
    const auto status = StatusOf(state, api.loop, call.request_.service());
    co_await runtime::Operation([&](void* tag) { call.Finish(status, tag); });
    while (!call.gone()) co_await call.over().Wait();
  }

 private:
  CheckCall(Api& api, runtime::RpcCells& rpc) : Call(api, rpc), responder_(&context()) {}
  ~CheckCall() = default;

  void Finish(HealthCheckResponse::ServingStatus status, void* tag) {
    if (status == HealthCheckResponse::SERVICE_UNKNOWN) {
      Answered(absl::StatusCode::kNotFound);
      const std::string& name = request_.service();
      responder_.FinishWithError(
          ToGrpcStatus(Error(absl::StatusCode::kNotFound, "SERVICE_NOT_FOUND",
                             {"service", name, ""},
                             std::string(absl::StrCat("there is no service \"", name, "\" here")))),
          tag);
      return;
    }
    Answered(absl::StatusCode::kOk);
    HealthCheckResponse response;
    response.set_status(status);
    responder_.Finish(response, grpc::Status::OK, tag);
  }

  void Wake() override {}

  HealthCheckRequest request_;
  grpc::ServerAsyncResponseWriter<HealthCheckResponse> responder_;
};

class WatchCall final : public Call {
 public:
  static runtime::Task Serve(Api& api, HealthState& state, runtime::RpcCells& rpc) {
    WatchCall call(api, rpc);
    const bool arrived = co_await runtime::Operation([&](void* tag) {
      state.service.RequestWatch(&call.context(), &call.request_, &call.writer_, &api.queue,
                                 &api.queue, tag);
    });
    if (!arrived) co_return;
    Serve(api, state, rpc).Detach();
    call.BeginSession();  // probes don't log in
    HealthCheckResponse told;  // UNKNOWN, which is never sent
    while (!call.gone() && call.stopped().ok()) {
      const auto status = StatusOf(state, api.loop, call.request_.service());
      if (status == told.status()) {
        co_await call.wake_.Wait();
        continue;
      }
      told.set_status(status);
      const bool ok =
          co_await runtime::Operation([&](void* tag) { call.writer_.Write(told, tag); });
      if (!ok) break;
    }
    if (!call.stopped().ok()) {
      call.Answered(call.stopped().code());
      co_await runtime::Operation(
          [&](void* tag) { call.writer_.Finish(ToGrpcStatus(call.stopped()), tag); });
    }
    while (!call.gone()) co_await call.over().Wait();
  }

 private:
  WatchCall(Api& api, runtime::RpcCells& rpc)
      : Call(api, rpc), writer_(&context()), wake_(api.loop.ready()) {}
  ~WatchCall() = default;

  void Wake() override { wake_.Set(); }

  HealthCheckRequest request_;
  grpc::ServerAsyncWriter<HealthCheckResponse> writer_;
  runtime::Event wake_;
};

}  // namespace

void ServeHealth(Api& api, HealthState& state) {
  CheckCall::Serve(api, state, HealthCounters(api, runtime::RpcType::kUnary, "Check")).Detach();
  WatchCall::Serve(api, state, HealthCounters(api, runtime::RpcType::kServerStream, "Watch"))
      .Detach();
}

}  // namespace warren::api
