// A whole broker in the test's process: real core, real loop, real gRPC over loopback, on the store
// under test; before the journal stands a gate, so that it can block and fail on demand.
#pragma once

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "server/api/server.h"
#include "server/auth/authenticator.h"
#include "server/core/broker.h"
#include "server/runtime/loop.h"
#include "server/runtime/vitals.h"
#include "storage/journal.h"
#include "tests/support/storage_under_test.h"
#include "warren/v1/broker.grpc.pb.h"

namespace warren::testing {

// A journal whose Append waits while it is shut, and fails if told to; else as the one behind it.
class GateJournal final : public storage::Journal {
 public:
  explicit GateJournal(std::unique_ptr<storage::Journal> behind) : behind_(std::move(behind)) {}

  absl::Status Recover(const storage::RecordSink& sink) override { return behind_->Recover(sink); }
  absl::Status Append(const storage::Batch& batch) override;
  void Maintain() override { behind_->Maintain(); }
  std::chrono::steady_clock::time_point OwnedUntil() const override {
    return behind_->OwnedUntil();
  }

  void Shut();
  void Open();
  // All later appends, and the one that waits.
  void Fail(absl::Status status);
  // Waits until an Append waits at the gate.
  void AwaitWaiting();
  uint64_t appended() const;

 private:
  const std::unique_ptr<storage::Journal> behind_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool shut_ = false;
  bool waiting_ = false;
  absl::Status failure_;
  uint64_t appended_ = 0;
};

using PublisherStream =
    grpc::ClientReaderWriter<v1::PublishStreamRequest, v1::PublishStreamResponse>;
using ConsumerStream = grpc::ClientReaderWriter<v1::ConsumeRequest, v1::ConsumeResponse>;

// A stream and its context, which lives as long.
template <typename S>
struct Open {
  std::unique_ptr<grpc::ClientContext> context;
  std::unique_ptr<S> stream;
  S* operator->() const { return stream.get(); }
};

class BrokerFixture : public ::testing::Test {
 protected:
  BrokerFixture();
  ~BrokerFixture() override;

  // Override the limits before anything else of the fixture is used.
  void Start(const runtime::LoopOptions& options = {}, size_t max_message_bytes = 1 << 20);
  // Asks the broker to stop, waits, and returns what Run said.
  absl::Status Stop();
  // Waits until the broker has ended by itself.
  absl::Status Await();

  std::shared_ptr<grpc::Channel> NewChannel() const;
  v1::BrokerService::Stub& stub() { return *stub_; }
  // With a deadline, so that a broken broker fails the test instead of hanging it.
  static std::unique_ptr<grpc::ClientContext> Context();

  void DeclareQueue(const std::string& name, bool durable = false);
  Open<PublisherStream> OpenPublisher(const std::string& producer_id = "");
  // Subscribes and takes the answer.
  Open<ConsumerStream> OpenConsumer(const std::string& queue, uint32_t prefetch = 0,
                                    bool auto_ack = false);
  // Persistent or not, through the default exchange, by the unary call.
  void Publish(const std::string& queue, int messages, const std::string& body = "hello");

  // The core's sums, as they are between two completions.
  core::Usage Usage();
  // Asks the broker again and again, until the condition holds or 20 s have gone.
  ::testing::AssertionResult Eventually(const std::function<bool()>& condition);

  const StorageUnderTest storage_;
  GateJournal journal_;
  runtime::Stats stats_;
  core::Broker broker_{{.seed = 1}};
  auth::Stats auth_stats_;
  std::unique_ptr<auth::Authenticator> authenticator_;
  std::unique_ptr<api::Server> server_;
  std::unique_ptr<runtime::Loop> loop_;
  runtime::Vitals vitals_;

 private:
  std::thread thread_;
  absl::Status ended_;
  std::unique_ptr<v1::BrokerService::Stub> stub_;
};

v1::Publication MakePublication(const std::string& queue, const std::string& body,
                                bool persistent = false);

// The ErrorInfo's reason in the status' details; "" if there is none.
std::string ReasonOf(const grpc::Status& status);

}  // namespace warren::testing
