// The header `authorization` of one call. On the call's context and not by an interceptor: that would
// be asked at each operation of a stream, which cost a fast publisher 12 %.
#pragma once

#include <grpcpp/client_context.h>

#include <functional>
#include <string>

namespace warren::client {

// As ConnectionOptions::authorization; null: none.
using Authorization = std::function<std::string()>;

// Before the call begins.
inline void Authorize(const Authorization& authorization, grpc::ClientContext& context) {
  if (authorization) context.AddMetadata("authorization", authorization());
}

}  // namespace warren::client
