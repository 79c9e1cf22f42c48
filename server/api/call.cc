#include "server/api/call.h"

#include <grpcpp/impl/codegen/proto_utils.h>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/base/error.h"

namespace warren::api {

Call::Call(Api& api, runtime::RpcCells& rpc)
    : api_(api), done_(*this), over_(api.loop.ready()), rpc_(rpc) {
  context_.AsyncNotifyWhenDone(done_.tag());
  api_.loop.HandlerStarted();
}

Call::~Call() {
  if (arrived_) {
    api_.loop.registry().RemoveSession(session_);
    rpc_.handled[static_cast<size_t>(code_)].Add(1);
  }
  api_.loop.HandlerEnded();
}

void Call::Arrived() {
  session_ = api_.loop.registry().AddSession(*this);
  arrived_ = true;
  rpc_.started.Add(1);
  began_ = std::chrono::steady_clock::now();
  stopped_ = api_.loop.shutdown().ended();
}

void Call::Answered(absl::StatusCode code) {
  code_ = code;
  if (rpc_.type != runtime::RpcType::kUnary) return;
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began_;
  rpc_.seconds.Observe(took.count());
}

void Call::OnStop(const absl::Status& status) {
  stopped_ = status;
  Wake();
}

void Call::Done::Complete(bool) {
  happened = true;
  call.over_.Set();
  call.Wake();
}

runtime::RpcCells& CountersOf(Api& api, runtime::RpcType type, std::string_view method) {
  return api.loop.stats().rpcs.Register(type, v1::BrokerService::service_full_name(), method);
}

absl::Status Parse(grpc::ByteBuffer& frame, google::protobuf::Message& message) {
  const grpc::Status status =
      grpc::SerializationTraits<google::protobuf::Message>::Deserialize(&frame, &message);
  if (status.ok()) return absl::OkStatus();
  const std::string& name = message.GetDescriptor()->full_name();
  return Error(absl::StatusCode::kInvalidArgument, "FRAME_INVALID", {"message", name, ""},
               std::string(absl::StrCat("the bytes received are not a valid ", name,
                                        "; is the client generated from the same proto?")));
}

grpc::ByteBuffer Serialize(const google::protobuf::Message& message) {
  grpc::ByteBuffer buffer;
  bool own_buffer = false;
  const grpc::Status status = grpc::SerializationTraits<google::protobuf::Message>::Serialize(
      message, &buffer, &own_buffer);
  WARREN_CHECK(status.ok());
  return buffer;
}

absl::Status ProtocolFault(std::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, "PROTOCOL_FAULT", {"stream", "", ""}, message);
}

}  // namespace warren::api
