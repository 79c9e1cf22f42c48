// Statuses as clients see them: the call's gRPC status with google.rpc details, or an entry's
// Error. Pure functions; thread-safe.
#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "warren/v1/broker.pb.h"

namespace warren::api {

// Same code and message, and a google.rpc.Status with one ErrorInfo (domain "warren") as details,
// which gRPC sends in the trailing metadata grpc-status-details-bin.
grpc::Status ToGrpcStatus(const absl::Status& status);

// REQUIRES: status isn't OK.
void SetError(const absl::Status& status, v1::Error* error);

}  // namespace warren::api
