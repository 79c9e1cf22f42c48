// The gRPC server: one port, one completion queue, which the loop serves.
#pragma once

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "server/api/admin/import.h"
#include "server/api/call.h"
#include "server/api/convert/interner.h"
#include "server/api/facts.h"
#include "server/api/health.h"
#include "server/runtime/listener.h"
#include "server/runtime/loop.h"

namespace warren::api {

struct ServerOptions {
  std::string address = "127.0.0.1:7171";  // HOST:PORT; port 0: any free one
  std::shared_ptr<grpc::ServerCredentials> credentials;  // null: plain text
  size_t max_message_bytes = size_t{16} << 20;
  size_t max_headers = 256;   // of a message, nested ones counted
  Facts facts;
  int max_calls = 10'000;     // of a connection at a time; what is above waits at the client
  int max_connection_age_ms = 0;  // then it is given up, with a grace of 30 s; 0: never
};

class Server final : public runtime::Listener {
 public:
  // Binds the port. Calls that come in wait until Serve.
  // UNAVAILABLE if the address can't be bound.
  static absl::StatusOr<std::unique_ptr<Server>> Listen(const ServerOptions& options);
  ~Server();

  grpc::ServerCompletionQueue& queue() { return *queue_; }

  // HOST:PORT, with the port that was bound.
  const std::string& address() const { return address_; }

  // Starts all handlers and reports SERVING. `loop` runs on `queue()` afterwards, until its end.
  // All must outlive the loop's run. REQUIRES: called once.
  void Serve(runtime::Loop& loop, auth::Authenticator& authenticator, auth::Stats& auth_stats);

  // Carries definitions out, and logs what an operator should hear of it. Between Serve and the
  // loop's run: nobody is let in before. REQUIRES: called once.
  void Declare(Document definitions);

  // ---- runtime::Listener ----
  void OnDraining() override { health_.serving = false; }
  void ShutDown() override;

 private:
  explicit Server(const ServerOptions& options) : options_(options) {}

  const ServerOptions options_;
  std::string address_;
  RawBrokerService service_;
  RawAdminService admin_;
  HealthState health_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::unique_ptr<grpc::Server> server_;
  Interner interner_;
  std::optional<Api> api_;        // once it serves
  std::optional<Import> import_;  // whose answers come while the loop runs
};

}  // namespace warren::api
