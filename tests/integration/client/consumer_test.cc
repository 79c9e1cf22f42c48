#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>

#include "tests/integration/client/fixture.h"

namespace warren::client {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using std::chrono::milliseconds;

// How long to look for something that should not come.
constexpr milliseconds kGlance{100};

using ConsumerTest = ClientTest;

TEST_F(ConsumerTest, PrefetchBoundsWhatIsUnsettledAndCanBeChanged) {
  DeclareQueue("orders");
  PublishAll("orders", {"a", "b", "c", "d", "e"});
  const auto consumer = Subscribe("orders", 2);
  EXPECT_EQ(consumer->initial_message_count(), 5u);
  const auto first = Take(*consumer, 2);
  EXPECT_THAT(BodiesOf(first), ElementsAre("a", "b"));
  EXPECT_EQ(ReasonOf(consumer->Next(kGlance).status()), kTimeout);

  ASSERT_TRUE(consumer->Ack(first[0].delivery_tag()).ok());
  EXPECT_THAT(BodiesOf(Take(*consumer, 1)), ElementsAre("c"));
  ASSERT_TRUE(consumer->SetPrefetch(10).ok());
  EXPECT_THAT(BodiesOf(Take(*consumer, 2)), ElementsAre("d", "e"));
}

TEST_F(ConsumerTest, OneConsumerHasManyQueues) {
  constexpr size_t kQueues = 20;
  const auto name_of = [](size_t i) { return "orders-" + std::to_string(i); };
  for (size_t i = 0; i < kQueues; ++i) {
    DeclareQueue(name_of(i));
    PublishAll(name_of(i), {name_of(i), name_of(i)});
  }
  std::promise<std::pair<uint32_t, absl::Status>> ended;
  ConsumerOptions options;
  options.subscribe.set_queue(name_of(0));
  options.shared = true;
  options.on_subscription_end = [&](uint32_t number, const absl::Status& why) {
    ended.set_value({number, why});
  };
  auto opened = Consumer::Open(*connection_, std::move(options));
  ASSERT_TRUE(opened.ok()) << opened.status();
  Consumer& consumer = **opened;
  v1::Subscribe subscribe;
  for (size_t i = 1; i < kQueues; ++i) {
    subscribe.set_queue(name_of(i));
    const auto subscribed = consumer.Subscribe(subscribe);
    ASSERT_TRUE(subscribed.ok()) << subscribed.status();
    EXPECT_EQ(subscribed->subscription(), i + 1);
    EXPECT_EQ(subscribed->message_count(), 2u);
  }
  subscribe.set_queue("missing");
  EXPECT_EQ(ReasonOf(consumer.Subscribe(subscribe).status()), "QUEUE_NOT_FOUND");

  const auto deliveries = Take(consumer, 2 * kQueues);
  for (const v1::Delivery& delivery : deliveries) {
    EXPECT_EQ(delivery.message().body(), consumer.QueueOf(delivery.subscription()));
    if (delivery.subscription() == 2 && delivery.delivery_tag() == 2) continue;
    ASSERT_TRUE(consumer.Ack(delivery).ok());
  }
  ASSERT_TRUE(consumer.Flush(kPatience).ok());
  ASSERT_TRUE(consumer.Unsubscribe(2).ok());
  EXPECT_EQ(CountOf(name_of(1)), 1u);
  v1::DeleteQueueRequest request;
  request.set_name(name_of(2));
  ASSERT_TRUE(connection_->DeleteQueue(request).ok());
  const auto [number, why] = ended.get_future().get();
  EXPECT_EQ(number, 3u);
  EXPECT_EQ(ReasonOf(why), "QUEUE_DELETED");
  // The others go on, until all are drained.
  PublishAll(name_of(5), {"more"});
  EXPECT_THAT(BodiesOf(Take(consumer, 1)), ElementsAre("more"));
  ASSERT_TRUE(consumer.Drain(kPatience).ok());
  EXPECT_EQ(ReasonOf(consumer.Next(kGlance).status()), kDrained);
}

TEST_F(ConsumerTest, AConsumerOfManyQueuesNeedsItsFirst) {
  ConsumerOptions options;
  options.subscribe.set_queue("missing");
  options.shared = true;
  EXPECT_EQ(ReasonOf(Consumer::Open(*connection_, std::move(options)).status()),
            "QUEUE_NOT_FOUND");
}

TEST_F(ConsumerTest, FlushWaitsUntilSettlementsHaveTakenEffect) {
  DeclareQueue("orders");
  PublishAll("orders", {"a", "b", "c", "d"});
  {
    const auto consumer = Subscribe("orders");
    const auto deliveries = Take(*consumer, 4);
    const uint64_t tags[] = {deliveries[0].delivery_tag(), deliveries[3].delivery_tag()};
    ASSERT_TRUE(consumer->Ack(tags).ok());
    ASSERT_TRUE(consumer->AckUpTo(deliveries[1].delivery_tag()).ok());
    ASSERT_TRUE(consumer->Flush(kPatience).ok());
  }
  // The consumer is gone; what it had not settled is back.
  const auto next = Subscribe("orders");
  const auto left = Take(*next, 1);
  EXPECT_THAT(BodiesOf(left), ElementsAre("c"));
  EXPECT_TRUE(left[0].redelivered());
  EXPECT_EQ(ReasonOf(next->Next(kGlance).status()), kTimeout);
}

TEST_F(ConsumerTest, AnUnknownTagFailsAloneAndIsTold) {
  DeclareQueue("orders");
  PublishAll("orders", {"a"});
  std::promise<v1::SettleFailure> failure;
  ConsumerOptions options;
  options.subscribe.set_queue("orders");
  options.on_settle_failure = [&](const v1::SettleFailure& f) { failure.set_value(f); };
  auto consumer = Consumer::Open(*connection_, std::move(options));
  ASSERT_TRUE(consumer.ok()) << consumer.status();
  ASSERT_TRUE((*consumer)->Ack(99).ok());
  EXPECT_EQ(failure.get_future().get().delivery_tag(), 99u);
  const absl::Status flushed = (*consumer)->Flush(kPatience);
  EXPECT_EQ(flushed.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(flushed), "DELIVERY_TAG_UNKNOWN");
  const auto delivery = Take(**consumer, 1);
  ASSERT_TRUE((*consumer)->Ack(delivery[0].delivery_tag()).ok());
  EXPECT_TRUE((*consumer)->Flush(kPatience).ok());
}

TEST_F(ConsumerTest, RequeueRejectAndRetryDoWhatTheySay) {
  DeclareQueue("dead");
  v1::QueueOptions options;
  options.set_dead_letter_exchange("");
  options.set_dead_letter_routing_key("dead");
  DeclareQueue("orders", options);
  PublishAll("orders", {"a", "b", "c"});
  const auto consumer = Subscribe("orders", 3);
  const auto deliveries = Take(*consumer, 3);
  ASSERT_TRUE(consumer->Reject(deliveries[1].delivery_tag()).ok());
  ASSERT_TRUE(consumer->Retry(deliveries[2].delivery_tag(), milliseconds(50)).ok());
  ASSERT_TRUE(consumer->Requeue(deliveries[0].delivery_tag()).ok());
  const auto again = Take(*consumer, 2);
  EXPECT_THAT(BodiesOf(again), ElementsAre("a", "c"));
  EXPECT_TRUE(again[0].redelivered());
  EXPECT_EQ(again[1].delivery_count(), 1u);

  const auto dead = Subscribe("dead");
  const auto rejected = Take(*dead, 1);
  EXPECT_EQ(rejected[0].message().body(), "b");
  ASSERT_THAT(rejected[0].deaths(), SizeIs(1));
  EXPECT_EQ(rejected[0].deaths(0).reason(), v1::DEATH_REASON_REJECTED);
}

// The answer may come before the call that asked is any further.
TEST_F(ConsumerTest, DrainIsAnsweredHoweverQuickTheBrokerIs) {
  DeclareQueue("orders");
  for (int i = 0; i < 200; ++i) {
    const auto consumer = Subscribe("orders", 1);
    ASSERT_TRUE(consumer->Drain(kPatience).ok()) << "consumer " << i;
  }
}

TEST_F(ConsumerTest, DrainStopsDeliveriesAndStillTakesSettlements) {
  DeclareQueue("orders");
  PublishAll("orders", {"a", "b", "c"});
  const auto consumer = Subscribe("orders", 2);
  ASSERT_TRUE(consumer->Drain(kPatience).ok());
  const auto deliveries = Take(*consumer, 2);
  ASSERT_TRUE(consumer->AckUpTo(deliveries[1].delivery_tag()).ok());
  ASSERT_TRUE(consumer->Flush(kPatience).ok());
  EXPECT_EQ(ReasonOf(consumer->Next(kPatience).status()), kDrained);
  EXPECT_EQ(CountOf("orders"), 1u);
}

TEST_F(ConsumerTest, ADeletedQueueEndsItsConsumerWithThatReason) {
  DeclareQueue("orders");
  std::promise<absl::Status> ended;
  ConsumerOptions options;
  options.subscribe.set_queue("orders");
  options.on_end = [&](const absl::Status& status) { ended.set_value(status); };
  const auto consumer = Consumer::Open(*connection_, std::move(options));
  ASSERT_TRUE(consumer.ok());
  v1::DeleteQueueRequest request;
  request.set_name("orders");
  ASSERT_TRUE(connection_->DeleteQueue(request).ok());
  EXPECT_EQ(ReasonOf(ended.get_future().get()), "QUEUE_DELETED");
  const absl::Status status = (*consumer)->Next(kPatience).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  ASSERT_TRUE((*consumer)->cancelled().has_value());
  EXPECT_EQ((*consumer)->cancelled()->reason(), v1::CANCEL_REASON_QUEUE_DELETED);
  EXPECT_FALSE((*consumer)->Ack(1).ok());
}

TEST_F(ConsumerTest, AStoppingBrokerSaysSo) {
  DeclareQueue("orders");
  ConsumerOptions options;
  options.subscribe.set_queue("orders");
  options.reconnect_timeout = std::chrono::milliseconds(0);
  const auto consumer = Consumer::Open(*connection_, std::move(options));
  ASSERT_TRUE(consumer.ok()) << consumer.status();
  EXPECT_EQ(broker_.Stop(), 0);
  const absl::Status status = (*consumer)->Next(kPatience).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(status), "SHUTTING_DOWN");
}

TEST_F(ConsumerTest, AMissingQueueIsSaidWhenItSubscribes) {
  ConsumerOptions options;
  options.subscribe.set_queue("nowhere");
  const auto consumer = Consumer::Open(*connection_, std::move(options));
  EXPECT_EQ(consumer.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(consumer.status()), "QUEUE_NOT_FOUND");
}

TEST_F(ConsumerTest, AnExclusiveQueueLivesWithItsConsumer) {
  std::string queue;
  {
    ConsumerOptions options;
    options.subscribe.mutable_declare()->set_exclusive(true);
    const auto consumer = Consumer::Open(*connection_, std::move(options));
    ASSERT_TRUE(consumer.ok()) << consumer.status();
    queue = (*consumer)->queue();
    PublishAll(queue, {"private"});
    EXPECT_THAT(BodiesOf(Take(**consumer, 1)), ElementsAre("private"));
  }
  // Closing returns before the broker has noticed.
  v1::DeclareQueueRequest request;
  request.set_name(queue);
  request.set_passive(true);
  absl::Status status;
  do {
    status = connection_->DeclareQueue(request).status();
  } while (status.ok() || status.code() == absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(status), "QUEUE_NOT_FOUND");
}

TEST_F(ConsumerTest, CallbacksGetAllMessagesAndSettleThem) {
  DeclareQueue("orders");
  constexpr int kMessages = 5'000;
  std::mutex mutex;
  std::condition_variable arrived;
  std::vector<std::string> bodies;
  ConsumerOptions options;
  options.subscribe.set_queue("orders");
  options.subscribe.set_prefetch_messages(100);
  options.on_deliveries = [&](Consumer& consumer, DeliveryBatch batch) {
    std::lock_guard lock(mutex);
    for (const v1::Delivery& delivery : batch) {
      bodies.push_back(delivery.message().body());
      EXPECT_TRUE(consumer.Ack(delivery.delivery_tag()).ok());
    }
    arrived.notify_all();
  };
  const auto consumer = Consumer::Open(*connection_, std::move(options));
  ASSERT_TRUE(consumer.ok()) << consumer.status();
  const auto publisher = OpenPublisher();
  std::vector<std::string> sent;
  for (int i = 0; i < kMessages; ++i) {
    sent.push_back(std::to_string(i));
    ASSERT_TRUE(publisher->Publish(To("orders", sent.back())).ok());
  }
  std::unique_lock lock(mutex);
  EXPECT_TRUE(arrived.wait_for(lock, kPatience, [&] { return bodies.size() == kMessages; }));
  EXPECT_EQ(bodies, sent);
  lock.unlock();
  EXPECT_TRUE((*consumer)->Flush(kPatience).ok());
}

// Goal: messages that nobody fetches stay in the broker, and closing doesn't wait for them.
// Method: publish 125 MiB, far more than prefetch, transport and client hold together.
TEST_F(ConsumerTest, ASlowReaderCanBeClosedWithFramesUnread) {
  DeclareQueue("orders");
  ConsumerOptions options;
  options.subscribe.set_queue("orders");
  options.subscribe.set_auto_ack(true);
  options.subscribe.set_prefetch_bytes(4 << 20);
  auto consumer = Consumer::Open(*connection_, std::move(options));
  ASSERT_TRUE(consumer.ok()) << consumer.status();
  const auto publisher = OpenPublisher();
  for (int i = 0; i < 2'000; ++i) {
    ASSERT_TRUE(publisher->Publish(To("orders", std::string(size_t{64} << 10, 'x'))).ok());
  }
  ASSERT_TRUE(publisher->Flush(kPatience).ok());
  EXPECT_GT(CountOf("orders"), 0u);
  consumer->reset();
}

TEST_F(ConsumerTest, LeasesOfGetAreSettledWithAck) {
  DeclareQueue("orders");
  PublishAll("orders", {"a", "b"});
  v1::GetRequest get;
  get.set_queue("orders");
  get.set_max_messages(10);
  const auto got = connection_->Get(get);
  ASSERT_TRUE(got.ok()) << got.status();
  ASSERT_THAT(got->deliveries(), SizeIs(2));
  v1::AckRequest ack;
  v1::Settlement& settlement = *ack.add_settlements();
  settlement.set_outcome(v1::SETTLE_OUTCOME_ACK);
  settlement.add_delivery_tags(got->deliveries(0).delivery_tag());
  settlement.add_delivery_tags(got->deliveries(1).delivery_tag());
  const auto acked = connection_->Ack(ack);
  ASSERT_TRUE(acked.ok()) << acked.status();
  EXPECT_THAT(acked->failures(), IsEmpty());
  EXPECT_THAT(connection_->Ack(ack)->failures(), SizeIs(2));
}

}  // namespace
}  // namespace warren::client
