// What all calls have in common, and what their handlers share.
//
// A call is served by one coroutine (a stream by two) on the loop's thread. The coroutine's frame
// holds the call object; it ends only when gRPC has given back every operation and has said that
// the call is over, so nothing can point into a call that is gone.
#pragma once

#include <grpcpp/completion_queue.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>

#include <chrono>
#include <string>
#include <string_view>
#include <type_traits>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "server/api/convert/publication.h"
#include "server/api/facts.h"
#include "server/api/services.h"
#include "server/auth/authenticator.h"
#include "server/auth/authorize.h"
#include "server/auth/stats.h"
#include "server/runtime/completion.h"
#include "server/runtime/event.h"
#include "server/runtime/loop.h"
#include "server/runtime/task.h"

namespace warren::api {

// Frames under construction. A frame is filled and serialised without a wait in between, so all
// streams share them and memory doesn't grow with the streams. Each is used for one kind of frame
// alone, so that its entries and their strings are used again.
struct Scratch {
  v1::PublishStreamResponse confirms;
  v1::ConsumeResponse deliveries;
};

// What handlers work with. Loop thread only.
struct Api {
  runtime::Loop& loop;
  grpc::ServerCompletionQueue& queue;
  RawBrokerService& service;
  RawAdminService& admin;
  PublicationReader publications;
  auth::Authenticator& authenticator;
  auth::Stats& auth_stats;
  const Facts& facts;
  int64_t serving_since_ms = 0;
  absl::flat_hash_map<std::string, core::OwnerId> owners = {};  // by user, of those who logged in
  Scratch scratch = {};
};

class Call : public runtime::Session {
 public:
  // `rpc` is the method's.
  Call(Api& api, runtime::RpcCells& rpc);
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // ---- runtime::Session ----
  void OnFlowChanged() override { Wake(); }
  void OnTick() override;
  void OnStop(const absl::Status& status) override;
  runtime::SessionView View() const override;

 protected:
  ~Call();

  // The call has arrived: from now on it is told when the broker stops.
  void BeginSession();
  // The same, and it takes a login. Ends when it is known who calls; denied() says whether that is
  // anybody.
  runtime::Task Arrived();

  // Why the call is refused: who calls is unknown, or isn't known any more. OK otherwise.
  const absl::Status& denied() const { return denied_; }
  // What the caller may do. REQUIRES: denied() is OK.
  const auth::AccessPtr& access() const { return access_; }
  // Whether the caller may have this command carried out. A refusal is logged and counted.
  absl::Status Permit(const core::Command& command);
  // Whose consumers and leases are the caller's: those of all logins of the same user.
  core::OwnerId owner() const;
  // A refusal that was found in another way; `is_new`: not seen on this call before.
  void NoteRefusal(const absl::Status& refusal, bool is_new);

  // access() isn't what it was, or denied() isn't OK any more.
  virtual void OnAccessChanged() { Wake(); }

  // Its answer is about to leave with this code. One without an answer counts as CANCELLED.
  void Answered(absl::StatusCode code);

  // Something changed that one of its coroutines may wait for.
  virtual void Wake() = 0;
  virtual runtime::SessionKind kind() const { return runtime::SessionKind::kCall; }

  // The call is over, whatever the reason: nothing reaches the client any more.
  bool gone() const { return done_.happened; }
  // Not OK: the broker stops, and this is what the client is to be told.
  const absl::Status& stopped() const { return stopped_; }

  // Set when the call is gone; wait for that before the end. REQUIRES: the call has arrived.
  runtime::Event& over() { return over_; }

  Api& api() const { return api_; }
  runtime::Loop& loop() const { return api_.loop; }
  grpc::ServerContext& context() { return context_; }

 private:
  // Comes when the call is over, in an orderly way or because the client has vanished.
  struct Done final : runtime::Completion {
    explicit Done(Call& c) : call(c) {}
    void Complete(bool ok) override;
    Call& call;
    bool happened = false;
  };

  runtime::Task LogIn();
  auth::Credentials ShownCredentials() const;
  // `generation` is of before the access was asked for.
  void SetAccess(absl::StatusOr<auth::AccessPtr> access, uint64_t generation);

  Api& api_;
  grpc::ServerContext context_;
  auth::AccessPtr access_;
  uint64_t access_generation_ = 0;
  mutable std::string peer_;  // once it was asked for
  absl::Status denied_;
  Done done_;
  runtime::Event over_;
  absl::Status stopped_;
  bool arrived_ = false;

  // For the method's counters:
  runtime::RpcCells& rpc_;
  std::chrono::steady_clock::time_point began_;  // if arrived
  absl::StatusCode code_ = absl::StatusCode::kCancelled;
  runtime::Registry::SessionList::iterator session_;  // if arrived
};

// Where calls of this method come from.
template <typename Service, typename... Arguments>
auto& ServiceOf(Api& api, void (Service::*)(Arguments...)) {
  if constexpr (std::is_base_of_v<Service, RawBrokerService>) {
    return api.service;
  } else {
    return api.admin;
  }
}

// The counters of a method. Before the loop runs.
runtime::RpcCells& CountersOf(Api& api, runtime::RpcType type, std::string_view method,
                              std::string_view service = v1::BrokerService::service_full_name());

// INVALID_ARGUMENT, reason FRAME_INVALID, if `frame` isn't a `message`.
absl::Status Parse(grpc::ByteBuffer& frame, google::protobuf::Message& message);

grpc::ByteBuffer Serialize(const google::protobuf::Message& message);

// INVALID_ARGUMENT for a frame that may not come at this point of its stream.
absl::Status ProtocolFault(std::string_view message);

}  // namespace warren::api
