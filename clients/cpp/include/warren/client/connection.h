// A connection to one broker: topology, unary publish, get and ack; publishers, consumers and
// transactions are opened on it.
//
//   auto connection = Connection::Open({.address = "127.0.0.1:7171"});
//   v1::DeclareQueueRequest queue;
//   queue.set_name("orders");
//   auto declared = (*connection)->DeclareQueue(queue);
//
// Requests are the API's own messages (proto/warren/v1/broker.proto documents fields and errors);
// one without a virtual host goes to the connection's. Errors: the broker's, with an ErrorInfo
// (error.h), and UNAVAILABLE, BROKER_UNAVAILABLE, when it can't be reached.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "warren/client/error.h"
#include "warren/v1/broker.pb.h"

namespace grpc {
class Channel;
class ChannelCredentials;
}  // namespace grpc

namespace warren::client {

class IoThread;

struct ConnectionOptions {
  // host:port, or any target that gRPC understands (unix:/path, dns:///name:port). Several
  // host:port, parted by commas, are tried in their order, again whenever the connection is lost;
  // their names are looked up once, by Open, and certificates must name the first.
  std::string address = "127.0.0.1:7171";
  // For requests that name none.
  std::string virtual_host = "/";
  // TLS, as credentials.h makes it. Null: plaintext.
  std::shared_ptr<grpc::ChannelCredentials> credentials;
  // Gives the header `authorization` (see credentials.h) for each call and stream, on any thread, so
  // that a token can be renewed. Null: none.
  std::function<std::string()> authorization;
  // How long Open waits for the broker.
  std::chrono::milliseconds connect_timeout{5'000};
  // How often a connection with open streams is probed, so that a peer that vanished without a word
  // is noticed. Zero: never. Brokers close connections that are probed more often than every 5 s.
  std::chrono::milliseconds keepalive{30'000};
  // How long a call may take before it fails with DEADLINE_EXCEEDED.
  std::chrono::milliseconds call_timeout{30'000};
};

// Thread-safe. Outlives nothing: publishers and consumers keep what they need of it. One TCP
// connection and one I/O thread each; calls block the caller, streams run on the I/O thread.
class Connection {
 public:
  // Connects; UNAVAILABLE if the broker doesn't answer within connect_timeout. Later breaks are
  // mended in the background.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(ConnectionOptions options);
  ~Connection();

  absl::StatusOr<v1::DeclareExchangeResponse> DeclareExchange(v1::DeclareExchangeRequest request);
  absl::StatusOr<v1::DeleteExchangeResponse> DeleteExchange(v1::DeleteExchangeRequest request);
  absl::StatusOr<v1::DeclareQueueResponse> DeclareQueue(v1::DeclareQueueRequest request);
  absl::StatusOr<v1::DeleteQueueResponse> DeleteQueue(v1::DeleteQueueRequest request);
  absl::StatusOr<v1::PurgeQueueResponse> PurgeQueue(v1::PurgeQueueRequest request);
  absl::StatusOr<v1::BindResponse> Bind(v1::BindRequest request);
  absl::StatusOr<v1::UnbindResponse> Unbind(v1::UnbindRequest request);
  absl::StatusOr<v1::PublishResponse> Publish(v1::PublishRequest request);
  absl::StatusOr<v1::GetResponse> Get(v1::GetRequest request);
  absl::StatusOr<v1::AckResponse> Ack(v1::AckRequest request);
  absl::StatusOr<v1::CommitResponse> Commit(v1::CommitRequest request);

  const ConnectionOptions& options() const { return options_; }

  // For the other classes of this library.
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  const std::shared_ptr<IoThread>& io_thread() const { return io_thread_; }

 private:
  struct Stubs;

  Connection(ConnectionOptions options, std::shared_ptr<grpc::Channel> channel);

  const ConnectionOptions options_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::shared_ptr<IoThread> io_thread_;
  const std::unique_ptr<Stubs> stubs_;
};

}  // namespace warren::client
