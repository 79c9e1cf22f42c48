// A broker that may crash between any two steps, with a journal that knows what was committed.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "gtest/gtest.h"
#include "server/core/broker.h"
#include "storage/live_state.h"

namespace warren::core {

class CrashingBroker : public ::testing::Test {
 protected:
  static constexpr int64_t kNow = 1'000;

  CrashingBroker() { broker_->FinishRecovery(kNow); }

  Effects Step(Command command) {
    Effects effects;
    broker_->Step(kNow, std::move(command), effects);
    return effects;
  }

  // What is open becomes durable, and the broker is told.
  Effects Commit() {
    const storage::Batch batch = broker_->TakeBatch();
    state_.Apply(batch);
    return Step(Durable{batch.lsn});
  }

  void CommitAll() {
    while (broker_->HasPendingRecords()) Commit();
  }

  // What wasn't committed is lost.
  void Crash() {
    broker_ = std::make_unique<Broker>(BrokerOptions{.seed = 1});
    const absl::Status status = state_.Emit(
        [this](storage::Record record) { return broker_->Restore(std::move(record), kNow); });
    ASSERT_TRUE(status.ok()) << status;
    broker_->FinishRecovery(kNow);
  }

  uint64_t last_id_ = 100;
  std::unique_ptr<Broker> broker_ = std::make_unique<Broker>(BrokerOptions{.seed = 1});
  storage::LiveState state_;
};

}  // namespace warren::core
