#include "warren/client/error.h"

#include <optional>

#include "absl/strings/cord.h"
#include "absl/strings/string_view.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "status.h"

namespace warren::client {
namespace {

// Payloads of a status are named by type URL; this is the name that other gRPC libraries use too.
constexpr absl::string_view kTypeUrl = "type.googleapis.com/google.rpc.ErrorInfo";

absl::string_view Absl(std::string_view s) { return {s.data(), s.size()}; }

absl::Status WithInfo(absl::StatusCode code, std::string_view message,
                      const google::rpc::ErrorInfo& info) {
  absl::Status status(code, Absl(message));
  if (!status.ok()) status.SetPayload(kTypeUrl, absl::Cord(info.SerializeAsString()));
  return status;
}

}  // namespace

ErrorInfo ErrorInfoOf(const absl::Status& status) {
  ErrorInfo result{.reason = "UNKNOWN", .metadata = {}};
  const auto payload = status.GetPayload(kTypeUrl);
  google::rpc::ErrorInfo info;
  if (!payload.has_value() || !info.ParseFromString(std::string(*payload))) return result;
  if (!info.reason().empty()) result.reason = info.reason();
  result.metadata.insert(info.metadata().begin(), info.metadata().end());
  return result;
}

absl::Status MakeError(absl::StatusCode code, std::string_view reason, std::string_view message) {
  google::rpc::ErrorInfo info;
  info.set_domain("warren-client");
  info.set_reason(std::string(reason));
  return WithInfo(code, message, info);
}

absl::Status ToStatus(const v1::Error& error) {
  google::rpc::ErrorInfo info;
  info.set_domain("warren");
  info.set_reason(error.reason());
  *info.mutable_metadata() = error.metadata();
  return WithInfo(static_cast<absl::StatusCode>(error.code()), error.message(), info);
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  google::rpc::Status details;
  if (details.ParseFromString(status.error_details())) {
    for (const auto& detail : details.details()) {
      google::rpc::ErrorInfo info;
      if (detail.Is<google::rpc::ErrorInfo>() && detail.UnpackTo(&info)) {
        return WithInfo(code, status.error_message(), info);
      }
    }
  }
  if (code == absl::StatusCode::kUnavailable) {
    return MakeError(code, kUnavailable, status.error_message());
  }
  return absl::Status(code, status.error_message());
}

bool IsTransient(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      return true;
    // What gRPC itself answers when a connection breaks at a bad moment; with an ErrorInfo it
    // would be the broker's word.
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kCancelled:
      return !status.GetPayload(kTypeUrl).has_value();
    default:
      return false;
  }
}

}  // namespace warren::client
