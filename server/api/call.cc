#include "server/api/call.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/alarm.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <chrono>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/base/error.h"
#include "server/runtime/clock.h"
#include "server/runtime/log.h"

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

void Call::BeginSession() {
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

runtime::Task Call::Arrived() {
  BeginSession();
  if (api_.authenticator.open_to_all()) {
    const uint64_t generation = api_.authenticator.generation();
    SetAccess(api_.authenticator.Known({}), generation);
  } else {
    co_await LogIn();
  }
}

runtime::Task Call::LogIn() {
  auth::Credentials credentials = ShownCredentials();
  const uint64_t generation = api_.authenticator.generation();
  auth::AccessPtr known = api_.authenticator.Known(credentials);
  if (known != nullptr) {
    SetAccess(std::move(known), generation);
    co_return;
  }
  // The alarm brings the answer back from the authenticator's thread.
  grpc::Alarm alarm;
  absl::StatusOr<auth::AccessPtr> answer;
  co_await runtime::Operation([&](void* tag) {
    api_.authenticator.Verify(std::move(credentials),
                              [&, tag](absl::StatusOr<auth::AccessPtr> access) {
                                answer = std::move(access);
                                // Long ago is at once; the present would be rounded up.
                                 alarm.Set(&api_.queue, std::chrono::system_clock::time_point{}, tag);
                              });
  });
  SetAccess(std::move(answer), generation);
}

auth::Credentials Call::ShownCredentials() const {
  auth::Credentials credentials;
  credentials.address = auth::AddressOf(context_.peer());
  const auto& metadata = context_.client_metadata();
  const auto header = metadata.find("authorization");
  if (header != metadata.end()) {
    credentials.authorization.assign(header->second.data(), header->second.size());
    // Two of them are one too many: which one counts must not be a matter of luck.
    if (metadata.count("authorization") > 1) credentials.authorization = "ambiguous";
    return credentials;
  }
  const auto context = context_.auth_context();
  if (context == nullptr || !context->IsPeerAuthenticated()) return credentials;
  struct Property {
    const char* name;
    std::string_view kind;
  };
  for (const Property& property :
       {Property{GRPC_PEER_URI_PROPERTY_NAME, "uri:"}, Property{GRPC_PEER_DNS_PROPERTY_NAME, "dns:"},
        Property{GRPC_PEER_EMAIL_PROPERTY_NAME, "email:"},
        Property{GRPC_X509_CN_PROPERTY_NAME, "cn:"}}) {
    for (const grpc::string_ref& value : context->FindPropertyValues(property.name)) {
      credentials.certificates.push_back(std::string(property.kind) +
                                         std::string(value.data(), value.size()));
    }
  }
  return credentials;
}

void Call::SetAccess(absl::StatusOr<auth::AccessPtr> access, uint64_t generation) {
  access_generation_ = generation;
  if (access.ok()) {
    access_ = *std::move(access);
  } else {
    denied_ = access.status();
  }
}

void Call::OnTick() {
  if (access_ == nullptr || !denied_.ok()) return;
  const uint64_t generation = api_.authenticator.generation();
  if (access_generation_ == generation &&
      runtime::NowMs() < access_->expires_at_ms()) {
    return;
  }
  SetAccess(api_.authenticator.Renew(access_), generation);
  if (!denied_.ok()) {
    runtime::Log(runtime::LogCategory::kAuth, runtime::LogLevel::kWarning, "login ended",
                 {{"connection", context_.peer()}, {"user", access_->user_name()}});
  }
  OnAccessChanged();
}

absl::Status Call::Permit(const core::Command& command) {
  absl::Status status = auth::Authorize(*access_, command);
  if (absl::IsPermissionDenied(status)) NoteRefusal(status, true);
  return status;
}

core::OwnerId Call::owner() const {
  if (access_->everything()) return {};
  const auto [it, is_new] = api_.owners.try_emplace(access_->user_name());
  if (is_new) it->second = core::OwnerId{api_.owners.size()};
  return it->second;
}

void Call::NoteRefusal(const absl::Status& refusal, bool is_new) {
  api_.auth_stats.CountDenied(auth::PermissionOf(refusal));
  if (!is_new) return;
  const ErrorInfo info = ErrorInfoOf(refusal);
  const auto fact = [&info](const char* name) {
    const auto it = info.metadata.find(name);
    return it == info.metadata.end() ? std::string() : it->second;
  };
  runtime::Log(runtime::LogCategory::kAuth, runtime::LogLevel::kWarning, "operation refused",
               {{"connection", context_.peer()},
                {"user", access_->user_name()},
                {"virtual_host", fact("virtual_host")},
                {"permission", fact("permission")},
                {"kind", fact("kind")},
                {"name", fact("name")}});
}

void Call::OnStop(const absl::Status& status) {
  stopped_ = status;
  Wake();
}

runtime::SessionView Call::View() const {
  if (peer_.empty()) peer_ = context_.peer();
  const auto open_for = std::chrono::steady_clock::now() - began_;
  return {.kind = kind(),
          .peer = peer_,
          .user = access_ != nullptr ? access_->user_name() : std::string_view(),
          .since_ms = runtime::NowMs() -
                      std::chrono::duration_cast<std::chrono::milliseconds>(open_for).count()};
}

void Call::Done::Complete(bool) {
  happened = true;
  call.over_.Set();
  call.Wake();
}

runtime::RpcCells& CountersOf(Api& api, runtime::RpcType type, std::string_view method,
                              std::string_view service) {
  return api.loop.stats().rpcs.Register(type, service, method);
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
