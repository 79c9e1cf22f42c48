// DeclareExchange, DeleteExchange, DeclareQueue, DeleteQueue, PurgeQueue, Bind, Unbind.
#include <utility>
#include <variant>

#include "server/api/convert/limits.h"
#include "server/api/convert/topology.h"
#include "server/api/handlers.h"
#include "server/api/unary.h"

namespace warren::api {
namespace {

struct DeclareExchange : AlwaysServed {
  using Request = v1::DeclareExchangeRequest;
  using Response = v1::DeclareExchangeResponse;
  static constexpr auto kRequest = &RawBrokerService::RequestDeclareExchange;

  static absl::StatusOr<core::Command> ToCommand(Api&, Request& request, core::RequestId id) {
    if (absl::Status s = CheckName("virtual_host", request.virtual_host()); !s.ok()) return s;
    // An empty name is the default exchange's: the core refuses it as such.
    if (absl::Status s = CheckName("name", request.name()); !s.ok()) return s;
    core::DeclareExchange command{.request = id,
                                  .virtual_host = VirtualHostName(request.virtual_host()),
                                  .name = request.name()};
    if (!request.passive()) {
      const auto options = ToExchangeOptions(request.options());
      if (!options.ok()) return options.status();
      command.options = *options;
    }
    return command;
  }
  static void SetResponse(core::Replied&, Response&) {}
};

struct DeleteExchange : AlwaysServed {
  using Request = v1::DeleteExchangeRequest;
  using Response = v1::DeleteExchangeResponse;
  static constexpr auto kRequest = &RawBrokerService::RequestDeleteExchange;

  static absl::StatusOr<core::Command> ToCommand(Api&, Request& request, core::RequestId id) {
    if (absl::Status s = CheckName("virtual_host", request.virtual_host()); !s.ok()) return s;
    if (absl::Status s = CheckName("name", request.name()); !s.ok()) return s;
    return core::DeleteExchange{.request = id,
                                .virtual_host = VirtualHostName(request.virtual_host()),
                                .name = request.name(),
                                .if_unused = request.if_unused()};
  }
  static void SetResponse(core::Replied&, Response&) {}
};

struct DeclareQueue : AlwaysServed {
  using Request = v1::DeclareQueueRequest;
  using Response = v1::DeclareQueueResponse;
  static constexpr auto kRequest = &RawBrokerService::RequestDeclareQueue;

  static absl::StatusOr<core::Command> ToCommand(Api&, Request& request, core::RequestId id) {
    if (absl::Status s = CheckName("virtual_host", request.virtual_host()); !s.ok()) return s;
    if (absl::Status s = CheckName("name", request.name()); !s.ok()) return s;
    core::DeclareQueue command{.request = id,
                               .virtual_host = VirtualHostName(request.virtual_host()),
                               .name = request.name()};
    if (!request.passive()) {
      const auto options = ToQueueOptions(request.options());
      if (!options.ok()) return options.status();
      command.options = *options;
    }
    return command;
  }
  static void SetResponse(core::Replied& reply, Response& response) {
    if (const auto* info = std::get_if<core::QueueInfo>(&reply.result)) {
      response.set_name(info->name);
      response.set_message_count(info->message_count);
      response.set_consumer_count(info->consumer_count);
    }
  }
};

struct DeleteQueue : AlwaysServed {
  using Request = v1::DeleteQueueRequest;
  using Response = v1::DeleteQueueResponse;
  static constexpr auto kRequest = &RawBrokerService::RequestDeleteQueue;

  static absl::StatusOr<core::Command> ToCommand(Api&, Request& request, core::RequestId id) {
    if (absl::Status s = CheckName("virtual_host", request.virtual_host()); !s.ok()) return s;
    if (absl::Status s = CheckRequiredName("name", request.name()); !s.ok()) return s;
    return core::DeleteQueue{.request = id,
                             .virtual_host = VirtualHostName(request.virtual_host()),
                             .name = request.name(),
                             .if_unused = request.if_unused(),
                             .if_empty = request.if_empty()};
  }
  static void SetResponse(core::Replied& reply, Response& response) {
    if (const auto* count = std::get_if<core::MessageCount>(&reply.result)) {
      response.set_message_count(count->messages);
    }
  }
};

struct PurgeQueue : AlwaysServed {
  using Request = v1::PurgeQueueRequest;
  using Response = v1::PurgeQueueResponse;
  static constexpr auto kRequest = &RawBrokerService::RequestPurgeQueue;

  static absl::StatusOr<core::Command> ToCommand(Api&, Request& request, core::RequestId id) {
    if (absl::Status s = CheckName("virtual_host", request.virtual_host()); !s.ok()) return s;
    if (absl::Status s = CheckRequiredName("name", request.name()); !s.ok()) return s;
    return core::PurgeQueue{.request = id,
                            .virtual_host = VirtualHostName(request.virtual_host()),
                            .name = request.name()};
  }
  static void SetResponse(core::Replied& reply, Response& response) {
    if (const auto* count = std::get_if<core::MessageCount>(&reply.result)) {
      response.set_message_count(count->messages);
    }
  }
};

// Bind and Unbind differ in their types alone.
template <typename CoreCommand, typename ProtoRequest>
absl::StatusOr<core::Command> ToBindingCommand(ProtoRequest& request, core::RequestId id) {
  if (absl::Status s = CheckName("virtual_host", request.virtual_host()); !s.ok()) return s;
  auto binding = TakeBinding(*request.mutable_binding());
  if (!binding.ok()) return binding.status();
  return CoreCommand{.request = id,
                     .virtual_host = VirtualHostName(request.virtual_host()),
                     .binding = *std::move(binding)};
}

struct Bind : AlwaysServed {
  using Request = v1::BindRequest;
  using Response = v1::BindResponse;
  static constexpr auto kRequest = &RawBrokerService::RequestBind;

  static absl::StatusOr<core::Command> ToCommand(Api&, Request& request, core::RequestId id) {
    return ToBindingCommand<core::Bind>(request, id);
  }
  static void SetResponse(core::Replied&, Response&) {}
};

struct Unbind : AlwaysServed {
  using Request = v1::UnbindRequest;
  using Response = v1::UnbindResponse;
  static constexpr auto kRequest = &RawBrokerService::RequestUnbind;

  static absl::StatusOr<core::Command> ToCommand(Api&, Request& request, core::RequestId id) {
    return ToBindingCommand<core::Unbind>(request, id);
  }
  static void SetResponse(core::Replied&, Response&) {}
};

}  // namespace

void ServeTopology(Api& api) {
  ServeUnary<DeclareExchange>(api, "DeclareExchange");
  ServeUnary<DeleteExchange>(api, "DeleteExchange");
  ServeUnary<DeclareQueue>(api, "DeclareQueue");
  ServeUnary<DeleteQueue>(api, "DeleteQueue");
  ServeUnary<PurgeQueue>(api, "PurgeQueue");
  ServeUnary<Bind>(api, "Bind");
  ServeUnary<Unbind>(api, "Unbind");
}

}  // namespace warren::api
