#include "warren/client/connection.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <utility>

#include "authorization.h"
#include "io_thread.h"
#include "status.h"
#include "target.h"
#include "warren/v1/broker.grpc.pb.h"

namespace warren::client {
namespace {

using Stub = v1::BrokerService::Stub;

grpc::ChannelArguments ChannelArgumentsFor(const ConnectionOptions& options,
                                           const Target& target) {
  grpc::ChannelArguments arguments;
  // A frame of deliveries is as large as the consumer's prefetch allows.
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  // Connections don't share a socket: one that is throttled must not hold up another.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  // How long an attempt may take: beyond it the next address has its turn.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1'000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1'000);
  if (options.keepalive.count() > 0) {
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, static_cast<int>(options.keepalive.count()));
  }
  if (!target.authority.empty()) {
    arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, target.authority);
    arguments.SetSslTargetNameOverride(target.authority.substr(0, target.authority.rfind(':')));
  }
  return arguments;
}

template <typename Request, typename Response>
absl::StatusOr<Response> Call(const ConnectionOptions& options, Stub& stub,
                              grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                           Response*),
                              Request& request) {
  if (request.virtual_host().empty()) request.set_virtual_host(options.virtual_host);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + options.call_timeout);
  Authorize(options.authorization, context);
  Response response;
  const absl::Status status = FromGrpc((stub.*method)(&context, request, &response));
  if (!status.ok()) return status;
  return response;
}

}  // namespace

struct Connection::Stubs {
  Stub broker;
};

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(ConnectionOptions options) {
  auto credentials =
      options.credentials != nullptr ? options.credentials : grpc::InsecureChannelCredentials();
  const absl::StatusOr<Target> target = ResolveTarget(options.address);
  if (!target.ok()) return target.status();
  auto channel = grpc::CreateCustomChannel(target->name, credentials,
                                           ChannelArgumentsFor(options, *target));
  const auto deadline = std::chrono::system_clock::now() + options.connect_timeout;
  if (!channel->WaitForConnected(deadline)) {
    return MakeError(absl::StatusCode::kUnavailable, kUnavailable,
                     "no broker answers at \"" + options.address + "\" within " +
                         std::to_string(options.connect_timeout.count()) +
                         " ms; is it running, and is the address right?");
  }
  return std::unique_ptr<Connection>(new Connection(std::move(options), std::move(channel)));
}

Connection::Connection(ConnectionOptions options, std::shared_ptr<grpc::Channel> channel)
    : options_(std::move(options)),
      channel_(std::move(channel)),
      io_thread_(std::make_shared<IoThread>()),
      stubs_(new Stubs{Stub(channel_)}) {}

Connection::~Connection() = default;

absl::StatusOr<v1::DeclareExchangeResponse> Connection::DeclareExchange(
    v1::DeclareExchangeRequest request) {
  return Call(options_, stubs_->broker, &Stub::DeclareExchange, request);
}

absl::StatusOr<v1::DeleteExchangeResponse> Connection::DeleteExchange(
    v1::DeleteExchangeRequest request) {
  return Call(options_, stubs_->broker, &Stub::DeleteExchange, request);
}

absl::StatusOr<v1::DeclareQueueResponse> Connection::DeclareQueue(
    v1::DeclareQueueRequest request) {
  return Call(options_, stubs_->broker, &Stub::DeclareQueue, request);
}

absl::StatusOr<v1::DeleteQueueResponse> Connection::DeleteQueue(v1::DeleteQueueRequest request) {
  return Call(options_, stubs_->broker, &Stub::DeleteQueue, request);
}

absl::StatusOr<v1::PurgeQueueResponse> Connection::PurgeQueue(v1::PurgeQueueRequest request) {
  return Call(options_, stubs_->broker, &Stub::PurgeQueue, request);
}

absl::StatusOr<v1::BindResponse> Connection::Bind(v1::BindRequest request) {
  return Call(options_, stubs_->broker, &Stub::Bind, request);
}

absl::StatusOr<v1::UnbindResponse> Connection::Unbind(v1::UnbindRequest request) {
  return Call(options_, stubs_->broker, &Stub::Unbind, request);
}

absl::StatusOr<v1::PublishResponse> Connection::Publish(v1::PublishRequest request) {
  return Call(options_, stubs_->broker, &Stub::Publish, request);
}

absl::StatusOr<v1::GetResponse> Connection::Get(v1::GetRequest request) {
  return Call(options_, stubs_->broker, &Stub::Get, request);
}

absl::StatusOr<v1::AckResponse> Connection::Ack(v1::AckRequest request) {
  return Call(options_, stubs_->broker, &Stub::Ack, request);
}

absl::StatusOr<v1::CommitResponse> Connection::Commit(v1::CommitRequest request) {
  return Call(options_, stubs_->broker, &Stub::Commit, request);
}

}  // namespace warren::client
