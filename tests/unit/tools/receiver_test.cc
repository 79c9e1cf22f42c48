// What warren-bench says about order must be right, since proofs rely on it.
#include "tools/bench/receiver.h"

#include <gtest/gtest.h>

namespace warren::tools {
namespace {

// Hands its callback to the test.
class ByHand : public Target {
 public:
  absl::Status DeclareQueue(const std::string&, bool) override { return absl::OkStatus(); }
  absl::Status DeleteQueue(const std::string&) override { return absl::OkStatus(); }
  std::unique_ptr<PublishLink> NewPublishLink(const Workload&) override { return nullptr; }
  std::unique_ptr<ConsumeLink> NewConsumeLink(const Workload&) override {
    return std::make_unique<Link>(deliver);
  }

  ConsumeLink::OnDelivery deliver;

 private:
  struct Link : ConsumeLink {
    explicit Link(OnDelivery& taken) : deliver(taken) {}
    absl::Status Open(const std::string&, OnDelivery on_delivery) override {
      deliver = std::move(on_delivery);
      return absl::OkStatus();
    }
    absl::Status Stop() override { return absl::OkStatus(); }

    OnDelivery& deliver;
  };
};

class ReceiverTest : public ::testing::Test {
 protected:
  ReceiverTest() {
    workload_.queues = 2;
    receiver_ = std::make_unique<Receiver>(target_, workload_, 0, counters_);
    EXPECT_TRUE(receiver_->Start().ok());
  }

  // How many are out of order so far.
  uint64_t Deliver(uint64_t producer, uint64_t number, bool redelivered = false) {
    std::string body(kNumberedBodyBytes, 'w');
    WriteStamp({.due_ns = 1, .producer = producer, .number = number}, body);
    target_.deliver(body, redelivered);
    return counters_.out_of_order;
  }

  Workload workload_;
  Counters counters_;
  ByHand target_;
  std::unique_ptr<Receiver> receiver_;
};

TEST_F(ReceiverTest, ProducersHaveAnOrderEach) {
  EXPECT_EQ(Deliver(0, 0), 0);
  EXPECT_EQ(Deliver(1, 1), 0);
  EXPECT_EQ(Deliver(0, 2), 0);
  EXPECT_EQ(Deliver(1, 3), 0);
  EXPECT_EQ(Deliver(0, 6), 0) << "another consumer has the one between";
  EXPECT_EQ(Deliver(0, 4), 1);
  EXPECT_EQ(Deliver(0, 6), 2) << "twice";
}

TEST_F(ReceiverTest, WhatIsRedeliveredMayComeAtAnyTime) {
  EXPECT_EQ(Deliver(0, 8), 0);
  EXPECT_EQ(Deliver(0, 2, true), 0);
  EXPECT_EQ(Deliver(0, 10), 0);
}

TEST_F(ReceiverTest, AnotherRunBeginsAgain) {
  EXPECT_EQ(Deliver(0, 8), 0);
  EXPECT_EQ(Deliver(0, 0), 0);
  EXPECT_EQ(Deliver(0, 2), 0);
  EXPECT_EQ(Deliver(0, 2), 1);
}

TEST_F(ReceiverTest, ForeignAndSmallBodiesHaveNoOrder) {
  target_.deliver("small", false);
  EXPECT_EQ(Deliver(UINT64_MAX, 8), 0);
  EXPECT_EQ(counters_.consumed, 2);
}

}  // namespace
}  // namespace warren::tools
