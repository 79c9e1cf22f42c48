// Many subscriptions on one Consume stream: what they share, and what each has for itself.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/integration/api/broker_fixture.h"

namespace warren::testing {
namespace {

class SharedConsumeTest : public BrokerFixture {
 protected:
  Open<ConsumerStream> OpenStream() {
    Open<ConsumerStream> open;
    open.context = Context();
    open.stream = stub().Consume(open.context.get());
    return open;
  }

  static v1::ConsumeRequest SubscribeTo(uint32_t number, const std::string& queue) {
    v1::ConsumeRequest request;
    request.mutable_subscribe()->set_subscription(number);
    request.mutable_subscribe()->set_queue(queue);
    return request;
  }

  static v1::ConsumeResponse Read(Open<ConsumerStream>& stream) {
    v1::ConsumeResponse response;
    if (!stream->Read(&response)) ADD_FAILURE() << "the stream ended";
    return response;
  }

  static void Subscribe(Open<ConsumerStream>& stream, const v1::ConsumeRequest& request) {
    ASSERT_TRUE(stream->Write(request));
    const v1::ConsumeResponse response = Read(stream);
    ASSERT_TRUE(response.has_subscribed()) << response.ShortDebugString();
    EXPECT_EQ(response.subscribed().subscription(), request.subscribe().subscription());
  }

  static void Subscribe(Open<ConsumerStream>& stream, uint32_t number, const std::string& queue) {
    Subscribe(stream, SubscribeTo(number, queue));
  }

  // The next `messages` deliveries, in the order of their arrival.
  static std::vector<v1::Delivery> AwaitDeliveries(Open<ConsumerStream>& stream, size_t messages) {
    std::vector<v1::Delivery> deliveries;
    while (deliveries.size() < messages) {
      const v1::ConsumeResponse response = Read(stream);
      if (!response.has_deliveries()) {
        ADD_FAILURE() << response.ShortDebugString();
        break;
      }
      for (const v1::Delivery& d : response.deliveries().deliveries()) deliveries.push_back(d);
    }
    return deliveries;
  }

  static void Ack(uint32_t subscription, uint64_t tag, v1::ConsumeRequest& request) {
    v1::Settlement& settlement = *request.mutable_settle()->add_settlements();
    settlement.set_subscription(subscription);
    settlement.add_delivery_tags(tag);
    settlement.set_outcome(v1::SETTLE_OUTCOME_ACK);
  }

  void DeleteQueue(const std::string& name) {
    v1::DeleteQueueRequest request;
    request.set_name(name);
    v1::DeleteQueueResponse response;
    ASSERT_TRUE(stub().DeleteQueue(Context().get(), request, &response).ok());
  }

  // Sends the frames, and returns how the stream ended.
  grpc::Status EndAfter(const std::vector<v1::ConsumeRequest>& requests) {
    Open<ConsumerStream> stream = OpenStream();
    for (const v1::ConsumeRequest& request : requests) stream->Write(request);
    v1::ConsumeResponse response;
    while (stream->Read(&response)) {
    }
    return stream->Finish();
  }
};

TEST_F(SharedConsumeTest, FramesHoldDeliveriesAndSettlementsOfManyQueues) {
  Start();
  constexpr uint32_t kQueues = 50;
  Open<ConsumerStream> stream = OpenStream();
  for (uint32_t i = 1; i <= kQueues; ++i) {
    DeclareQueue("q" + std::to_string(i));
    Subscribe(stream, i, "q" + std::to_string(i));
  }
  // One batch, so that all of them fall due in one step.
  v1::PublishRequest batch;
  for (uint32_t i = 1; i <= kQueues; ++i) {
    const std::string queue = "q" + std::to_string(i);
    for (int k = 0; k < 2; ++k) *batch.add_publications() = MakePublication(queue, queue);
  }
  v1::PublishResponse published;
  ASSERT_TRUE(stub().Publish(Context().get(), batch, &published).ok());

  v1::ConsumeRequest settle;
  settle.mutable_settle()->set_settle_id(7);
  size_t frames = 0;
  std::map<uint32_t, uint64_t> last_tag;
  for (size_t seen = 0; seen < 2 * kQueues; ++frames) {
    const v1::ConsumeResponse response = Read(stream);
    ASSERT_TRUE(response.has_deliveries()) << response.ShortDebugString();
    for (const v1::Delivery& d : response.deliveries().deliveries()) {
      EXPECT_EQ(d.message().body(), "q" + std::to_string(d.subscription()));
      EXPECT_EQ(d.delivery_tag(), ++last_tag[d.subscription()]) << "tags count per subscription";
      Ack(d.subscription(), d.delivery_tag(), settle);
      ++seen;
    }
  }
  EXPECT_LT(frames, kQueues);
  ASSERT_TRUE(stream->Write(settle));
  const v1::ConsumeResponse answer = Read(stream);
  ASSERT_TRUE(answer.has_settle_results()) << answer.ShortDebugString();
  EXPECT_EQ(answer.settle_results().settle_id(), 7u);
  EXPECT_EQ(answer.settle_results().failures_size(), 0);
  EXPECT_EQ(Usage().unsettled_messages, 0u);
  EXPECT_EQ(Usage().acked_total, 2 * kQueues);
}

TEST_F(SharedConsumeTest, EachSubscriptionHasItsPrefetch) {
  Start();
  Open<ConsumerStream> stream = OpenStream();
  for (uint32_t i = 1; i <= 2; ++i) {
    DeclareQueue("q" + std::to_string(i));
    v1::ConsumeRequest request = SubscribeTo(i, "q" + std::to_string(i));
    request.mutable_subscribe()->set_prefetch_messages(i);
    Subscribe(stream, request);
  }
  Publish("q1", 5);
  Publish("q2", 5);
  std::map<uint32_t, int> count;
  for (const v1::Delivery& d : AwaitDeliveries(stream, 3)) ++count[d.subscription()];
  EXPECT_EQ(count[1], 1);
  EXPECT_EQ(count[2], 2);
  EXPECT_EQ(Usage().unsettled_messages, 3u);
  v1::ConsumeRequest more;
  more.mutable_set_prefetch()->set_subscription(1);
  more.mutable_set_prefetch()->set_prefetch_messages(3);
  ASSERT_TRUE(stream->Write(more));
  for (const v1::Delivery& d : AwaitDeliveries(stream, 2)) EXPECT_EQ(d.subscription(), 1u);
}

TEST_F(SharedConsumeTest, ASubscriptionThatFailsEndsAlone) {
  Start();
  DeclareQueue("q");
  Open<ConsumerStream> stream = OpenStream();
  ASSERT_TRUE(stream->Write(SubscribeTo(1, "missing")));
  v1::ConsumeResponse refused = Read(stream);
  ASSERT_TRUE(refused.has_subscription_ended()) << refused.ShortDebugString();
  EXPECT_EQ(refused.subscription_ended().subscription(), 1u);
  EXPECT_EQ(refused.subscription_ended().error().code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(refused.subscription_ended().error().reason(), "QUEUE_NOT_FOUND");
  Subscribe(stream, 2, "q");
  // Of wrong form, by itself.
  ASSERT_TRUE(stream->Write(SubscribeTo(3, std::string(300, 'x'))));
  refused = Read(stream);
  EXPECT_EQ(refused.subscription_ended().error().reason(), "NAME_INVALID");
  Publish("q", 1);
  EXPECT_EQ(AwaitDeliveries(stream, 1).front().subscription(), 2u);
}

TEST_F(SharedConsumeTest, UnsubscribingRequeuesAndTheOthersGoOn) {
  Start();
  DeclareQueue("a");
  DeclareQueue("b");
  Open<ConsumerStream> stream = OpenStream();
  Subscribe(stream, 1, "a");
  Subscribe(stream, 2, "b");
  Publish("a", 2);
  ASSERT_EQ(AwaitDeliveries(stream, 2).size(), 2u);
  v1::ConsumeRequest request;
  Ack(1, 1, request);
  ASSERT_TRUE(stream->Write(request));
  request.mutable_unsubscribe()->set_subscription(1);
  ASSERT_TRUE(stream->Write(request));
  const v1::ConsumeResponse ended = Read(stream);
  ASSERT_TRUE(ended.has_subscription_ended()) << ended.ShortDebugString();
  EXPECT_EQ(ended.subscription_ended().subscription(), 1u);
  EXPECT_FALSE(ended.subscription_ended().has_error());
  EXPECT_EQ(Usage().consumers, 1u);
  EXPECT_EQ(Usage().ready_messages, 1u);
  EXPECT_EQ(Usage().acked_total, 1u);
  // What it had can't be settled any more, and only that.
  Publish("b", 1);
  ASSERT_EQ(AwaitDeliveries(stream, 1).front().subscription(), 2u);
  v1::ConsumeRequest late;
  late.mutable_settle()->set_settle_id(1);
  Ack(1, 2, late);
  Ack(2, 1, late);
  ASSERT_TRUE(stream->Write(late));
  const v1::ConsumeResponse answer = Read(stream);
  ASSERT_EQ(answer.settle_results().failures_size(), 1) << answer.ShortDebugString();
  EXPECT_EQ(answer.settle_results().failures(0).subscription(), 1u);
  EXPECT_EQ(answer.settle_results().failures(0).delivery_tag(), 2u);
  EXPECT_EQ(answer.settle_results().failures(0).error().reason(), "DELIVERY_TAG_UNKNOWN");
  EXPECT_EQ(Usage().unsettled_messages, 0u);
}

TEST_F(SharedConsumeTest, ADeletedQueueCancelsItsSubscriptionAlone) {
  Start();
  DeclareQueue("a");
  DeclareQueue("b");
  Open<ConsumerStream> stream = OpenStream();
  Subscribe(stream, 1, "a");
  Subscribe(stream, 2, "b");
  DeleteQueue("a");
  const v1::ConsumeResponse cancelled = Read(stream);
  EXPECT_EQ(cancelled.cancelled().reason(), v1::CANCEL_REASON_QUEUE_DELETED);
  EXPECT_EQ(cancelled.cancelled().subscription(), 1u);
  Publish("b", 1);
  EXPECT_EQ(AwaitDeliveries(stream, 1).front().subscription(), 2u);
  // Nor does the stream end with its last one.
  DeleteQueue("b");
  EXPECT_EQ(Read(stream).cancelled().subscription(), 2u);
  DeclareQueue("c");
  Subscribe(stream, 3, "c");
}

TEST_F(SharedConsumeTest, OneSubscriptionIsDrained) {
  Start();
  DeclareQueue("a");
  DeclareQueue("b");
  Open<ConsumerStream> stream = OpenStream();
  Subscribe(stream, 1, "a");
  Subscribe(stream, 2, "b");
  v1::ConsumeRequest request;
  request.mutable_drain()->set_subscription(1);
  ASSERT_TRUE(stream->Write(request));
  const v1::ConsumeResponse drained = Read(stream);
  ASSERT_TRUE(drained.has_drained()) << drained.ShortDebugString();
  EXPECT_EQ(drained.drained().subscription(), 1u);
  Publish("a", 1);
  Publish("b", 1);
  EXPECT_EQ(AwaitDeliveries(stream, 1).front().subscription(), 2u);
  EXPECT_EQ(Usage().ready_messages, 1u);
}

TEST_F(SharedConsumeTest, AnExclusiveQueueBelongsToTheStream) {
  Start();
  Open<ConsumerStream> stream = OpenStream();
  v1::ConsumeRequest declare = SubscribeTo(1, "mine");
  declare.mutable_subscribe()->mutable_declare()->set_exclusive(true);
  Subscribe(stream, declare);
  Subscribe(stream, 2, "mine");
  {
    const grpc::Status refused = EndAfter({[] {
      v1::ConsumeRequest request;
      request.mutable_subscribe()->set_queue("mine");
      return request;
    }()});
    EXPECT_EQ(refused.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
    EXPECT_EQ(ReasonOf(refused), "QUEUE_LOCKED");
  }
  stream.context->TryCancel();
  EXPECT_TRUE(Eventually([&] { return Usage().queues == 0; }));
}

TEST_F(SharedConsumeTest, TheStreamsEndRequeuesAllAndNoneIsGivenWhatAnotherReturns) {
  Start();
  DeclareQueue("a");
  DeclareQueue("b");
  {
    Open<ConsumerStream> stream = OpenStream();
    Subscribe(stream, 1, "a");
    Subscribe(stream, 2, "a");
    Subscribe(stream, 3, "b");
    Publish("a", 10);
    Publish("b", 10);
    ASSERT_EQ(AwaitDeliveries(stream, 20).size(), 20u);
    stream.context->TryCancel();
  }
  ASSERT_TRUE(Eventually([&] { return Usage().consumers == 0; }));
  Open<ConsumerStream> next = OpenConsumer("a");
  for (const v1::Delivery& d : AwaitDeliveries(next, 10)) {
    EXPECT_TRUE(d.redelivered());
    EXPECT_EQ(d.delivery_count(), 1u);
  }
  EXPECT_EQ(Usage().ready_messages, 10u);
}

TEST_F(SharedConsumeTest, AHalfClosedStreamGoesOnAndEndsWithItsLastSubscription) {
  Start();
  DeclareQueue("a");
  Open<ConsumerStream> stream = OpenStream();
  v1::ConsumeRequest request = SubscribeTo(1, "a");
  request.mutable_subscribe()->set_consumer("me");
  Subscribe(stream, request);
  stream->WritesDone();
  Publish("a", 1);
  ASSERT_EQ(AwaitDeliveries(stream, 1).size(), 1u);
  v1::AckRequest ack;
  ack.set_consumer("me");
  ack.add_settlements()->add_delivery_tags(1);
  ack.mutable_settlements(0)->set_outcome(v1::SETTLE_OUTCOME_ACK);
  v1::AckResponse acked;
  ASSERT_TRUE(stub().Ack(Context().get(), ack, &acked).ok());
  EXPECT_EQ(acked.failures_size(), 0);
  // Numbers mean something on their stream alone.
  ack.mutable_settlements(0)->set_subscription(1);
  const grpc::Status refused = stub().Ack(Context().get(), ack, &acked);
  EXPECT_EQ(ReasonOf(refused), "SETTLEMENT_INVALID");
  DeleteQueue("a");
  EXPECT_EQ(Read(stream).cancelled().subscription(), 1u);
  v1::ConsumeResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(SharedConsumeTest, AutoAckedMessagesOfAllSubscriptionsAreGone) {
  Start();
  Open<ConsumerStream> stream = OpenStream();
  for (uint32_t i = 1; i <= 3; ++i) {
    DeclareQueue("q" + std::to_string(i));
    v1::ConsumeRequest request = SubscribeTo(i, "q" + std::to_string(i));
    request.mutable_subscribe()->set_auto_ack(i != 2);
    request.mutable_subscribe()->set_prefetch_messages(3);
    Subscribe(stream, request);
  }
  Publish("q1", 20);
  Publish("q3", 20);
  Publish("q2", 20);
  EXPECT_EQ(AwaitDeliveries(stream, 43).size(), 43u);
  EXPECT_TRUE(Eventually([&] {
    return Usage().unsettled_messages == 3 && Usage().ready_messages == 17;
  }));
}

TEST_F(SharedConsumeTest, AStoppingBrokerDrainsAndCancelsEach) {
  Start({.shutdown = {.drain_timeout_ms = 15'000}});
  DeclareQueue("a");
  DeclareQueue("b");
  Open<ConsumerStream> stream = OpenStream();
  Subscribe(stream, 1, "a");
  Subscribe(stream, 2, "b");
  Publish("a", 1);
  ASSERT_EQ(AwaitDeliveries(stream, 1).size(), 1u);
  loop_->Post(runtime::StopRequested{});
  std::set<uint32_t> drained;
  while (drained.size() < 2) {
    const v1::ConsumeResponse response = Read(stream);
    ASSERT_TRUE(response.has_drained()) << response.ShortDebugString();
    drained.insert(response.drained().subscription());
  }
  v1::ConsumeRequest settle;
  Ack(1, 1, settle);
  ASSERT_TRUE(stream->Write(settle));
  std::set<uint32_t> cancelled;
  while (cancelled.size() < 2) {
    const v1::ConsumeResponse response = Read(stream);
    ASSERT_EQ(response.cancelled().reason(), v1::CANCEL_REASON_SHUTTING_DOWN)
        << response.ShortDebugString();
    cancelled.insert(response.cancelled().subscription());
  }
  v1::ConsumeResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(ReasonOf(stream->Finish()), "SHUTTING_DOWN");
  EXPECT_TRUE(Await().ok());
}

TEST_F(SharedConsumeTest, NumbersThatMakeNoSenseEndTheStreamWithAFault) {
  Start();
  DeclareQueue("q");
  const v1::ConsumeRequest first = SubscribeTo(2, "q");
  v1::ConsumeRequest settle;
  Ack(3, 1, settle);
  v1::ConsumeRequest settle_none;
  Ack(0, 1, settle_none);
  v1::ConsumeRequest drain;
  drain.mutable_drain()->set_subscription(9);
  v1::ConsumeRequest prefetch;
  prefetch.mutable_set_prefetch();
  v1::ConsumeRequest unsubscribe;
  unsubscribe.mutable_unsubscribe()->set_subscription(3);
  v1::ConsumeRequest alone;
  alone.mutable_subscribe()->set_queue("q");
  const std::vector<std::vector<v1::ConsumeRequest>> faults = {
      {first, first},                 // twice the same
      {first, SubscribeTo(1, "q")},   // falling
      {first, alone},                 // none, after numbers
      {alone, SubscribeTo(1, "q")},   // one, on a stream without
      {alone, alone},                 // none, twice
      {first, settle},                // never subscribed
      {first, settle_none},           // none
      {first, drain},
      {first, prefetch},
      {first, unsubscribe},
      {alone, unsubscribe},
      {alone, settle},
      {unsubscribe},                  // before any
  };
  for (size_t i = 0; i < faults.size(); ++i) {
    const grpc::Status status = EndAfter(faults[i]);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT)
        << i << ": " << status.error_message();
    EXPECT_EQ(ReasonOf(status), "PROTOCOL_FAULT") << i;
  }
  EXPECT_TRUE(Eventually([&] { return Usage().consumers == 0; }));
}

TEST_F(SharedConsumeTest, AStreamHasTenThousandSubscriptionsAtMost) {
  Start();
  DeclareQueue("q");
  Open<ConsumerStream> stream = OpenStream();
  constexpr uint32_t kLimit = 10'000;
  constexpr uint32_t kAtOnce = 100;
  for (uint32_t number = 1; number <= kLimit; number += kAtOnce) {
    for (uint32_t i = 0; i < kAtOnce; ++i) {
      ASSERT_TRUE(stream->Write(SubscribeTo(number + i, "q")));
    }
    for (uint32_t i = 0; i < kAtOnce; ++i) ASSERT_TRUE(Read(stream).has_subscribed());
  }
  ASSERT_TRUE(stream->Write(SubscribeTo(kLimit + 1, "q")));
  const v1::ConsumeResponse refused = Read(stream);
  EXPECT_EQ(refused.subscription_ended().error().code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(refused.subscription_ended().error().reason(), "SUBSCRIPTION_LIMIT");
  EXPECT_EQ(refused.subscription_ended().error().metadata().at("limit"), "10000");
  // One that leaves makes room.
  v1::ConsumeRequest unsubscribe;
  unsubscribe.mutable_unsubscribe()->set_subscription(1);
  ASSERT_TRUE(stream->Write(unsubscribe));
  EXPECT_TRUE(Read(stream).has_subscription_ended());
  Subscribe(stream, kLimit + 2, "q");
}

}  // namespace
}  // namespace warren::testing
