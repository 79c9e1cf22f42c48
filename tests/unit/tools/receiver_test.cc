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

constexpr uint64_t kRun = 5;

class ReceiverTest : public ::testing::Test {
 protected:
  explicit ReceiverTest(std::optional<uint64_t> run = std::nullopt)
      : receiver_(target_, workload_, run, 0, arrivals_, counters_) {
    EXPECT_TRUE(receiver_.Start().ok());
  }

  // How many are out of order so far.
  uint64_t Deliver(uint64_t producer, uint64_t number, bool redelivered = false,
                   uint64_t run = kRun) {
    std::string body(kNumberedBodyBytes, 'w');
    WriteStamp({.due_ns = 1, .source = SourceOf(run, producer), .number = number}, body);
    target_.deliver(body, redelivered);
    return counters_.out_of_order;
  }

  Workload workload_;
  Counters counters_;
  ByHand target_;
  Arrivals arrivals_;
  Receiver receiver_;
};

class ReceiverOfARunTest : public ReceiverTest {
 protected:
  ReceiverOfARunTest() : ReceiverTest(kRun) {}
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
  EXPECT_EQ(Deliver(0, 0, false, kRun + 1), 0);
  EXPECT_EQ(Deliver(0, 2, false, kRun + 1), 0);
  EXPECT_EQ(Deliver(0, 2, false, kRun + 1), 1);
  EXPECT_EQ(counters_.arrived, 3);
}

TEST_F(ReceiverTest, AMessageCountsOnceHoweverOftenItComes) {
  Deliver(0, 0);
  Deliver(0, 1);
  Deliver(0, 1, true);
  EXPECT_EQ(counters_.doubled, 0) << "what is flagged may come again";
  Deliver(0, 0);
  EXPECT_EQ(counters_.doubled, 1);
  EXPECT_EQ(counters_.arrived, 2);
  EXPECT_EQ(counters_.consumed, 4);
  EXPECT_EQ(counters_.redelivered, 1);
}

TEST_F(ReceiverTest, TwoConsumersOfAQueueNoticeWhatBothGet) {
  Deliver(0, 0);
  ByHand other_target;
  Receiver other(other_target, workload_, std::nullopt, 1, arrivals_, counters_);
  ASSERT_TRUE(other.Start().ok());
  std::string body(kNumberedBodyBytes, 'w');
  WriteStamp({.due_ns = 1, .source = SourceOf(kRun, 0), .number = 0}, body);
  other_target.deliver(body, false);
  EXPECT_EQ(counters_.doubled, 1);
  EXPECT_EQ(counters_.out_of_order, 0) << "it is the first that this one gets";
}

TEST_F(ReceiverTest, ForeignAndSmallBodiesHaveNoOrder) {
  target_.deliver("small", false);
  target_.deliver(std::string(kNumberedBodyBytes, '\0'), false);
  target_.deliver(std::string(kNumberedBodyBytes, '\0'), false);
  EXPECT_EQ(counters_.arrived, 3);
  EXPECT_EQ(counters_.doubled + counters_.out_of_order, 0);
}

TEST_F(ReceiverOfARunTest, WhatOthersLeftInTheQueueDoesNotCount) {
  Deliver(0, 0, false, kRun + 1);
  target_.deliver(std::string(kNumberedBodyBytes, 'x'), false);
  EXPECT_EQ(counters_.arrived, 0);
  EXPECT_EQ(counters_.foreign, 2);
  Deliver(0, 0);
  EXPECT_EQ(counters_.arrived, 1);
  EXPECT_EQ(receiver_.end_to_end_latency().count(), 1u);
}

}  // namespace
}  // namespace warren::tools
