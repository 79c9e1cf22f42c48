// gRPC statuses as absl ones, ErrorInfo included. Pure functions; thread-safe.
#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace warren::client {

// Reads the google.rpc.Status that the broker sends beside the code. Details that can't be parsed
// are ignored: the code and the message still stand.
absl::Status FromGrpc(const grpc::Status& status);

// True if another attempt may do better: the transport failed, not the broker's judgement.
bool IsTransient(const absl::Status& status);

}  // namespace warren::client
