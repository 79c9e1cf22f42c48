// Puts the header `authorization` onto every call of a channel.
#pragma once

#include <grpcpp/support/client_interceptor.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace warren::client {

using InterceptorFactories =
    std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>>;

// `authorization` is called for each call; none if it is null.
InterceptorFactories WithAuthorization(std::function<std::string()> authorization);

}  // namespace warren::client
