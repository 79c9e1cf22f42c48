#include "server/api/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/api/handlers.h"
#include "server/api/ticker.h"
#include "server/base/check.h"
#include "server/base/error.h"
#include "server/runtime/log.h"
#include "server/runtime/clock.h"

namespace warren::api {
namespace {

// Calls that don't end by themselves are cut off after this long.
constexpr auto kGrace = std::chrono::milliseconds(1500);

// A dead client is noticed after about 30 s; a live one may ping every 5 s.
constexpr int kKeepaliveTimeMs = 20'000;
constexpr int kKeepaliveTimeoutMs = 10'000;
constexpr int kMinPingIntervalMs = 5'000;

// A connection that says nothing, or has its handshake take for ever, is closed.
constexpr int kHandshakeTimeoutMs = 10'000;

// For the calls of a connection that has reached its age.
constexpr int kMaxConnectionAgeGraceMs = 30'000;

// Room above the limit of a body, so that a message somewhat too large fails alone, as an entry
// with a typed error, and a batch of messages up to the limit passes.
int MaxReceiveBytes(size_t max_message_bytes) {
  constexpr size_t kRoom = size_t{16} << 20;
  return static_cast<int>(std::min<size_t>(2 * max_message_bytes + kRoom,
                                           std::numeric_limits<int>::max()));
}

std::string HostOf(const std::string& address) {
  return address.substr(0, address.rfind(':'));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Listen(const ServerOptions& options) {
  std::unique_ptr<Server> server(new Server(options));
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(options.address,
                           options.credentials != nullptr ? options.credentials
                                                          : grpc::InsecureServerCredentials(),
                           &port);
  builder.RegisterService(&server->service_);
  builder.RegisterService(&server->admin_);
  builder.RegisterService(&server->health_.service);
  server->queue_ = builder.AddCompletionQueue();
  builder.SetMaxReceiveMessageSize(MaxReceiveBytes(options.max_message_bytes));
  builder.SetMaxSendMessageSize(-1);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.max_calls);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeTimeoutMs);
  // A second broker on the same port is an error, not a silent share of its connections.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kMinPingIntervalMs);
  if (options.max_connection_age_ms > 0) {
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, options.max_connection_age_ms);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, kMaxConnectionAgeGraceMs);
  }
  // For reflection alone, whose handlers block.
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MAX_POLLERS, 1);
  server->server_ = builder.BuildAndStart();
  if (server->server_ == nullptr || port == 0) {
    return Error(absl::StatusCode::kUnavailable, "ADDRESS_UNAVAILABLE",
                 {"address", options.address, ""},
                 std::string(absl::StrCat("can't listen on ", options.address,
                                          ": the address is in use, not one of this machine's, or "
                                          "not HOST:PORT; choose another --listen")));
  }
  server->address_ = absl::StrCat(HostOf(options.address), ":", port);
  return server;
}

Server::~Server() {
  if (api_.has_value()) return;  // the loop has emptied the queue
  if (server_ != nullptr) server_->Shutdown();
  if (queue_ == nullptr) return;
  queue_->Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_->Next(&tag, &ok)) {
  }
}

void Server::Serve(runtime::Loop& loop, auth::Authenticator& authenticator,
                   auth::Stats& auth_stats) {
  WARREN_CHECK(!api_.has_value());
  api_.emplace(Api{.loop = loop,
                   .queue = *queue_,
                   .service = service_,
                   .admin = admin_,
                   .publications = PublicationReader(
                       {options_.max_message_bytes, options_.max_headers}, interner_),
                   .authenticator = authenticator,
                   .auth_stats = auth_stats,
                   .facts = options_.facts,
                   .serving_since_ms = runtime::NowMs()});
  health_.serving = true;
  ServeTopology(*api_);
  ServeSettlements(*api_);
  ServePublish(*api_);
  ServePublishStream(*api_);
  ServeConsume(*api_);
  ServeAdmin(*api_);
  ServeHealth(*api_, health_);
  StartTicker(*api_);
}

void Server::Declare(Document definitions) {
  import_.emplace(std::move(definitions), *api_, ImportOptions());
  // What the core refuses it refuses at once; that the rest is durable comes later.
  while (!import_->GoOn()) {
  }
  for (const auto& [level, line] : import_->Troubles()) {
    runtime::Log(level, "definitions", {{"about", line}});
  }
}

void Server::ShutDown() { server_->Shutdown(std::chrono::system_clock::now() + kGrace); }

}  // namespace warren::api
