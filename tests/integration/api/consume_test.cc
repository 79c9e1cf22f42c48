// Consuming over the wire: deliveries, settlement, vanishing and never-reading clients, drain.
#include <gtest/gtest.h>

#include <vector>

#include "tests/integration/api/broker_fixture.h"

namespace warren::testing {
namespace {

class ConsumeTest : public BrokerFixture {
 protected:
  // Reads deliveries until `messages` have come.
  static std::vector<v1::Delivery> AwaitDeliveries(Open<ConsumerStream>& consumer,
                                                   size_t messages) {
    std::vector<v1::Delivery> deliveries;
    v1::ConsumeResponse response;
    while (deliveries.size() < messages) {
      if (!consumer->Read(&response) || !response.has_deliveries()) {
        ADD_FAILURE() << response.ShortDebugString();
        break;
      }
      for (const v1::Delivery& d : response.deliveries().deliveries()) deliveries.push_back(d);
    }
    return deliveries;
  }

  static v1::ConsumeRequest AckUpTo(uint64_t tag, uint64_t settle_id = 0) {
    v1::ConsumeRequest request;
    request.mutable_settle()->set_settle_id(settle_id);
    v1::Settlement& settlement = *request.mutable_settle()->add_settlements();
    settlement.set_up_to_delivery_tag(tag);
    settlement.set_outcome(v1::SETTLE_OUTCOME_ACK);
    return request;
  }
};

TEST_F(ConsumeTest, DeliversInOrderWithinThePrefetchAndSettles) {
  Start();
  DeclareQueue("q");
  for (int i = 0; i < 20; ++i) Publish("q", 1, std::to_string(i));
  Open<ConsumerStream> consumer = OpenConsumer("q", 5);
  int next = 0;
  while (next < 20) {
    const std::vector<v1::Delivery> deliveries = AwaitDeliveries(consumer, 5);
    ASSERT_EQ(deliveries.size(), 5u);
    for (const v1::Delivery& d : deliveries) {
      EXPECT_EQ(d.message().body(), std::to_string(next++));
      EXPECT_FALSE(d.redelivered());
    }
    ASSERT_TRUE(consumer->Write(AckUpTo(deliveries.back().delivery_tag(), 7)));
    v1::ConsumeResponse response;
    ASSERT_TRUE(consumer->Read(&response));
    if (next < 20) continue;
    ASSERT_TRUE(response.has_settle_results()) << response.ShortDebugString();
    EXPECT_EQ(response.settle_results().settle_id(), 7u);
    EXPECT_EQ(response.settle_results().failures_size(), 0);
  }
}

TEST_F(ConsumeTest, AnUnknownTagFailsThatEntryAndTheStreamLives) {
  Start();
  DeclareQueue("q");
  Publish("q", 1);
  Open<ConsumerStream> consumer = OpenConsumer("q");
  ASSERT_EQ(AwaitDeliveries(consumer, 1).size(), 1u);
  v1::ConsumeRequest request;
  v1::Settlement& settlement = *request.mutable_settle()->add_settlements();
  settlement.add_delivery_tags(1);
  settlement.add_delivery_tags(99);
  settlement.set_outcome(v1::SETTLE_OUTCOME_ACK);
  ASSERT_TRUE(consumer->Write(request));
  v1::ConsumeResponse response;
  ASSERT_TRUE(consumer->Read(&response));
  ASSERT_EQ(response.settle_results().failures_size(), 1) << response.ShortDebugString();
  EXPECT_EQ(response.settle_results().failures(0).delivery_tag(), 99u);
  EXPECT_EQ(response.settle_results().failures(0).error().reason(), "DELIVERY_TAG_UNKNOWN");
  Publish("q", 1);
  EXPECT_EQ(AwaitDeliveries(consumer, 1).size(), 1u);
}

TEST_F(ConsumeTest, AVanishedConsumersMessagesGoToTheNextOne) {
  Start();
  DeclareQueue("q");
  Publish("q", 10);
  {
    Open<ConsumerStream> consumer = OpenConsumer("q");
    EXPECT_EQ(AwaitDeliveries(consumer, 10).size(), 10u);
    consumer.context->TryCancel();
  }
  Open<ConsumerStream> next = OpenConsumer("q");
  for (const v1::Delivery& d : AwaitDeliveries(next, 10)) EXPECT_TRUE(d.redelivered());
}

TEST_F(ConsumeTest, ConsumersThatVanishAtAnyPointLeaveNothingBehind) {
  Start();
  DeclareQueue("q");
  Publish("q", 200, std::string(10'000, 'x'));
  for (int i = 0; i < 40; ++i) {
    const auto context = Context();
    const auto stream = stub().Consume(context.get());
    v1::ConsumeRequest request;
    request.mutable_subscribe()->set_queue("q");
    if (i % 4 > 0) stream->Write(request);
    v1::ConsumeResponse response;
    if (i % 4 > 1) stream->Read(&response);
    if (i % 4 > 2) stream->Write(AckUpTo(1));
    context->TryCancel();
  }
  EXPECT_TRUE(Eventually([&] {
    return Usage().consumers == 0 && Usage().unsettled_messages == 0;
  }));
}

TEST_F(ConsumeTest, AHalfClosedConsumerGoesOnAndSettlesWithAck) {
  Start();
  DeclareQueue("q");
  Publish("q", 2);
  Open<ConsumerStream> consumer;
  consumer.context = Context();
  consumer.stream = stub().Consume(consumer.context.get());
  v1::ConsumeRequest request;
  request.mutable_subscribe()->set_queue("q");
  request.mutable_subscribe()->set_consumer("me");
  request.mutable_subscribe()->set_prefetch_messages(1);
  consumer->Write(request);
  consumer->WritesDone();
  v1::ConsumeResponse response;
  ASSERT_TRUE(consumer->Read(&response));
  ASSERT_EQ(AwaitDeliveries(consumer, 1).size(), 1u);
  v1::AckRequest ack;
  ack.set_consumer("me");
  v1::Settlement& settlement = *ack.add_settlements();
  settlement.set_up_to_delivery_tag(1);
  settlement.set_outcome(v1::SETTLE_OUTCOME_ACK);
  v1::AckResponse acked;
  ASSERT_TRUE(stub().Ack(Context().get(), ack, &acked).ok());
  EXPECT_EQ(acked.failures_size(), 0);
  EXPECT_EQ(AwaitDeliveries(consumer, 1).size(), 1u);
}

TEST_F(ConsumeTest, AConsumerThatNeverReadsHoldsNoMoreThanItsPrefetch) {
  Start();
  DeclareQueue("manual");
  DeclareQueue("auto");
  Open<ConsumerStream> manual = OpenConsumer("manual", 10);
  Open<ConsumerStream> automatic = OpenConsumer("auto", 10, true);
  for (int i = 0; i < 20; ++i) {
    Publish("manual", 10, std::string(100'000, 'x'));
    Publish("auto", 50, std::string(100'000, 'x'));
  }
  // 100 MB were published to "auto"; what the transport takes is a few flow-control windows.
  EXPECT_TRUE(Eventually([&] { return Usage().unsettled_messages <= 20; }));
  EXPECT_LT(Usage().delivered_total, 900u);
  EXPECT_GT(Usage().ready_messages, 290u);
  // Others are none the slower for it.
  DeclareQueue("other");
  Open<ConsumerStream> other = OpenConsumer("other");
  Publish("other", 100);
  EXPECT_EQ(AwaitDeliveries(other, 100).size(), 100u);
  manual.context->TryCancel();
  automatic.context->TryCancel();
}

TEST_F(ConsumeTest, AutoAckedMessagesAreGone) {
  Start();
  DeclareQueue("q");
  Open<ConsumerStream> consumer = OpenConsumer("q", 3, true);
  Publish("q", 50);
  EXPECT_EQ(AwaitDeliveries(consumer, 50).size(), 50u);
  EXPECT_TRUE(Eventually([&] {
    return Usage().unsettled_messages == 0 && Usage().ready_messages == 0;
  }));
}

TEST_F(ConsumeTest, ADeletedQueueCancelsItsConsumersWithAReason) {
  Start();
  DeclareQueue("q");
  Open<ConsumerStream> consumer = OpenConsumer("q");
  v1::DeleteQueueRequest request;
  request.set_name("q");
  v1::DeleteQueueResponse deleted;
  ASSERT_TRUE(stub().DeleteQueue(Context().get(), request, &deleted).ok());
  v1::ConsumeResponse response;
  ASSERT_TRUE(consumer->Read(&response));
  EXPECT_EQ(response.cancelled().reason(), v1::CANCEL_REASON_QUEUE_DELETED);
  EXPECT_FALSE(consumer->Read(&response));
  EXPECT_TRUE(consumer->Finish().ok());
}

TEST_F(ConsumeTest, AStoppingBrokerLetsConsumersSettleWhatTheyHave) {
  Start({.shutdown = {.drain_timeout_ms = 15'000}});
  DeclareQueue("q", true);
  Publish("q", 3);
  Open<ConsumerStream> consumer = OpenConsumer("q", 2);
  const std::vector<v1::Delivery> deliveries = AwaitDeliveries(consumer, 2);
  loop_->Post(runtime::StopRequested{});
  v1::ConsumeResponse response;
  ASSERT_TRUE(consumer->Read(&response));
  ASSERT_TRUE(response.has_drained()) << response.ShortDebugString();
  // New work is refused meanwhile.
  v1::PublishRequest request;
  *request.add_publications() = MakePublication("q", "late");
  v1::PublishResponse published;
  const grpc::Status refused = stub().Publish(Context().get(), request, &published);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonOf(refused), "SHUTTING_DOWN");

  ASSERT_TRUE(consumer->Write(AckUpTo(deliveries.back().delivery_tag())));
  ASSERT_TRUE(consumer->Read(&response));
  EXPECT_EQ(response.cancelled().reason(), v1::CANCEL_REASON_SHUTTING_DOWN)
      << response.ShortDebugString();
  EXPECT_TRUE(consumer->Finish().ok());
  EXPECT_TRUE(Await().ok());
}

TEST_F(ConsumeTest, AnIdleBrokerStopsAtOnce) {
  Start({.shutdown = {.drain_timeout_ms = 600'000}});
  DeclareQueue("q");
  Open<PublisherStream> publisher = OpenPublisher();
  Open<ConsumerStream> consumer = OpenConsumer("q");
  EXPECT_TRUE(Stop().ok());
  v1::PublishStreamResponse response;
  while (publisher->Read(&response)) EXPECT_TRUE(response.has_blocked());
  const grpc::Status status = publisher->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE) << status.error_message();
}

}  // namespace
}  // namespace warren::testing
