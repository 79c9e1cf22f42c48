#include "authorization.h"

#include <utility>

namespace warren::client {
namespace {

namespace experimental = grpc::experimental;

class Header final : public experimental::Interceptor {
 public:
  explicit Header(std::string value) : value_(std::move(value)) {}

  void Intercept(experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(
            experimental::InterceptionHookPoints::PRE_SEND_INITIAL_METADATA)) {
      methods->GetSendInitialMetadata()->emplace("authorization", value_);
    }
    methods->Proceed();
  }

 private:
  const std::string value_;
};

class HeaderFactory final : public experimental::ClientInterceptorFactoryInterface {
 public:
  explicit HeaderFactory(std::function<std::string()> value) : value_(std::move(value)) {}

  experimental::Interceptor* CreateClientInterceptor(experimental::ClientRpcInfo*) override {
    return new Header(value_());
  }

 private:
  const std::function<std::string()> value_;
};

}  // namespace

InterceptorFactories WithAuthorization(std::function<std::string()> authorization) {
  InterceptorFactories factories;
  if (authorization) factories.push_back(std::make_unique<HeaderFactory>(std::move(authorization)));
  return factories;
}

}  // namespace warren::client
