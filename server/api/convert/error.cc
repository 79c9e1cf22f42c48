#include "server/api/convert/error.h"

#include <string>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/base/error.h"

namespace warren::api {

// absl's and gRPC's codes are the same canonical ones, by number.
grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const ErrorInfo facts = ErrorInfoOf(status);
  google::rpc::ErrorInfo info;
  info.set_reason(facts.reason);
  info.set_domain("warren");
  info.mutable_metadata()->insert(facts.metadata.begin(), facts.metadata.end());
  google::rpc::Status details;
  details.set_code(static_cast<int>(status.code()));
  const std::string message(status.message());
  details.set_message(message);
  details.add_details()->PackFrom(info);
  return {static_cast<grpc::StatusCode>(status.code()), message, details.SerializeAsString()};
}

void SetError(const absl::Status& status, v1::Error* error) {
  ErrorInfo facts = ErrorInfoOf(status);
  error->set_code(static_cast<int>(status.code()));
  error->set_reason(std::move(facts.reason));
  error->set_message(std::string(status.message()));
  error->mutable_metadata()->insert(facts.metadata.begin(), facts.metadata.end());
}

}  // namespace warren::api
