// Goal: what a publisher was told is true across a crash of the broker.
// Method: kill the broker while messages flow, start it on the same port and store, compare what
// was confirmed with what is there.
#include <atomic>
#include <future>
#include <latch>
#include <thread>
#include <utility>

#include "tests/integration/client/fixture.h"
#include "warren/client/transaction.h"

namespace warren::client {
namespace {

class ReconnectTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!storage_.durable()) GTEST_SKIP() << "nothing survives a broker in memory";
    ASSERT_TRUE(broker_.Start().ok());
    ConnectionOptions options;
    options.address = broker_.address();
    auto connection = Connection::Open(options);
    ASSERT_TRUE(connection.ok()) << connection.status();
    connection_ = *std::move(connection);
    v1::DeclareQueueRequest request;
    request.set_name("orders");
    request.mutable_options()->set_durable(true);
    ASSERT_TRUE(connection_->DeclareQueue(request).ok());
  }

  static v1::Publication Persistent(uint64_t number) {
    v1::Publication publication = To("orders", std::to_string(number));
    publication.mutable_message()->set_delivery_mode(v1::DELIVERY_MODE_PERSISTENT);
    return publication;
  }

  // Bodies 1 to `count`, confirmed.
  void PublishAll(uint64_t count) {
    v1::PublishRequest request;
    for (uint64_t i = 1; i <= count; ++i) *request.add_publications() = Persistent(i);
    const auto response = connection_->Publish(request);
    ASSERT_TRUE(response.ok()) << response.status();
  }

  // All that is in the queue, in order.
  std::vector<uint64_t> Contents() {
    v1::GetRequest request;
    request.set_queue("orders");
    request.set_max_messages(10'000);
    request.set_auto_ack(true);
    std::vector<uint64_t> numbers;
    while (true) {
      const auto response = connection_->Get(request);
      EXPECT_TRUE(response.ok()) << response.status();
      if (!response.ok() || response->deliveries().empty()) return numbers;
      for (const auto& delivery : response->deliveries()) {
        numbers.push_back(std::stoull(delivery.message().body()));
      }
    }
  }

  const warren::testing::StorageUnderTest storage_;
  warren::testing::BrokerProcess broker_{{.storage = storage_.url(), .arguments = {}}};
  std::unique_ptr<Connection> connection_;
};

TEST_F(ReconnectTest, WithAProducerIdNothingIsLostAndNothingDoubles) {
  constexpr uint64_t kMessages = 30'000;
  std::atomic<uint64_t> confirmed{0};
  PublisherOptions options;
  options.producer_id = "billing";
  options.max_unconfirmed = 2'000;
  options.on_confirm = [&](const Confirmation& c) {
    EXPECT_TRUE(c.ok()) << c.error;
    confirmed += c.last_sequence - c.first_sequence + 1;
    confirmed.notify_all();
  };
  auto publisher = Publisher::Open(*connection_, std::move(options));
  ASSERT_TRUE(publisher.ok()) << publisher.status();
  std::thread sender([&] {
    for (uint64_t i = 1; i <= kMessages; ++i) {
      EXPECT_TRUE((*publisher)->Publish(Persistent(i)).ok());
    }
  });
  for (const uint64_t crash_at : {5'000, 15'000}) {
    for (uint64_t seen = confirmed; seen < crash_at; seen = confirmed) confirmed.wait(seen);
    broker_.Kill();
    ASSERT_TRUE(broker_.Start().ok());
  }
  sender.join();
  const absl::Status flushed = (*publisher)->Flush(std::chrono::minutes(1));
  ASSERT_TRUE(flushed.ok()) << flushed;
  EXPECT_EQ(confirmed, kMessages);

  std::vector<uint64_t> expected(kMessages);
  for (uint64_t i = 0; i < kMessages; ++i) expected[i] = i + 1;
  EXPECT_EQ(Contents(), expected);
}

TEST_F(ReconnectTest, WithoutAProducerIdUnconfirmedMessagesAreToldToBeLost) {
  std::atomic<uint64_t> accepted{0};
  std::atomic<uint64_t> unknown{0};
  PublisherOptions options;
  options.max_unconfirmed = 1'000;
  options.on_confirm = [&](const Confirmation& c) {
    const uint64_t messages = c.last_sequence - c.first_sequence + 1;
    if (c.ok()) {
      accepted += messages;
      accepted.notify_all();
      return;
    }
    EXPECT_EQ(ReasonOf(c.error), kConfirmLost);
    unknown += messages;
  };
  auto publisher = Publisher::Open(*connection_, std::move(options));
  ASSERT_TRUE(publisher.ok()) << publisher.status();
  std::atomic<bool> stop{false};
  uint64_t sent = 0;
  std::thread sender([&] {
    while (!stop) EXPECT_TRUE((*publisher)->Publish(Persistent(++sent)).ok());
  });
  for (uint64_t seen = accepted; seen < 2'000; seen = accepted) accepted.wait(seen);
  broker_.Kill();
  ASSERT_TRUE(broker_.Start().ok());
  // It goes on by itself.
  const uint64_t before = accepted;
  for (uint64_t seen = accepted; seen < before + 2'000; seen = accepted) accepted.wait(seen);
  stop = true;
  sender.join();
  ASSERT_TRUE((*publisher)->Flush(kPatience).ok());
  EXPECT_EQ(accepted + unknown, sent);
  // What was accepted is there; what is unknown may be.
  const size_t there = Contents().size();
  EXPECT_GE(there, accepted);
  EXPECT_LE(there, sent);
}

TEST_F(ReconnectTest, GivesUpWhenTheBrokerStaysAway) {
  PublisherOptions options;
  options.producer_id = "billing";
  options.reconnect_timeout = std::chrono::milliseconds(300);
  auto publisher = Publisher::Open(*connection_, std::move(options));
  ASSERT_TRUE(publisher.ok()) << publisher.status();
  broker_.Kill();
  auto confirmation = (*publisher)->PublishWithFuture(Persistent(1));
  if (confirmation.ok()) {
    const Confirmation lost = confirmation->get();
    EXPECT_EQ(lost.outcome, v1::OUTCOME_UNSPECIFIED);
    EXPECT_EQ(lost.error.code(), absl::StatusCode::kUnavailable);
  }
  EXPECT_EQ((*publisher)->Flush(kPatience).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ((*publisher)->Publish(Persistent(2)).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(ReconnectTest, APublisherClosedWhileTheBrokerIsAwayAnswersItsMessages) {
  PublisherOptions options;
  options.producer_id = "billing";
  auto publisher = Publisher::Open(*connection_, std::move(options));
  ASSERT_TRUE(publisher.ok()) << publisher.status();
  broker_.Kill();
  auto confirmation = (*publisher)->PublishWithFuture(Persistent(1));
  ASSERT_TRUE(confirmation.ok());
  publisher->reset();
  EXPECT_EQ(ReasonOf(confirmation->get().error), kClosed);
}

TEST_F(ReconnectTest, ClosingFreesThoseWhoWaitForRoom) {
  PublisherOptions options;
  options.producer_id = "billing";
  options.max_unconfirmed = 1;
  auto publisher = Publisher::Open(*connection_, std::move(options));
  ASSERT_TRUE(publisher.ok()) << publisher.status();
  broker_.Kill();
  ASSERT_TRUE((*publisher)->Publish(Persistent(1)).ok());
  absl::Status waited;
  std::thread waiter([&] { waited = (*publisher)->Publish(Persistent(2)).status(); });
  (*publisher)->Close();
  waiter.join();
  EXPECT_EQ(ReasonOf(waited), kClosed);
  EXPECT_EQ(ReasonOf((*publisher)->Flush(kPatience)), kClosed);
}

TEST_F(ReconnectTest, AConsumerSubscribesAnewAndKnowsWhatIsStale) {
  PublishAll(5);
  std::promise<absl::Status> lost;
  std::promise<v1::Subscribed> resubscribed;
  ConsumerOptions options;
  options.subscribe.set_queue("orders");
  options.subscribe.set_prefetch_messages(3);
  options.on_lost = [&](const absl::Status& why) { lost.set_value(why); };
  options.on_resubscribed = [&](const v1::Subscribed& s) { resubscribed.set_value(s); };
  auto opened = Consumer::Open(*connection_, std::move(options));
  ASSERT_TRUE(opened.ok()) << opened.status();
  Consumer& consumer = **opened;
  const std::vector<v1::Delivery> before = Take(consumer, 3);
  ASSERT_TRUE(consumer.Ack(before[0]).ok());
  ASSERT_TRUE(consumer.Flush(kPatience).ok());
  ASSERT_TRUE(consumer.SetPrefetch(2).ok());
  ASSERT_TRUE(consumer.Ack(before[1]).ok());
  broker_.Kill();
  EXPECT_EQ(lost.get_future().get().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(consumer.Ack(before[2])), kDeliveryStale);
  EXPECT_EQ(ReasonOf(consumer.AckUpTo(before[2])), kDeliveryStale);
  EXPECT_EQ(ReasonOf(consumer.Flush(kPatience)), kSettlementsLost);
  EXPECT_TRUE(consumer.Flush(kPatience).ok()) << "it was told";
  EXPECT_EQ(ReasonOf(consumer.Next(std::chrono::milliseconds(1)).status()), kTimeout);

  ASSERT_TRUE(broker_.Start().ok());
  EXPECT_EQ(resubscribed.get_future().get().queue(), "orders");
  const std::vector<v1::Delivery> after = Take(consumer, 2);
  ASSERT_EQ(after.size(), 2U);
  EXPECT_EQ(consumer.Next(std::chrono::milliseconds(1)).status().code(),
            absl::StatusCode::kDeadlineExceeded)
      << "the prefetch that was set last holds";
  for (const v1::Delivery& delivery : after) {
    EXPECT_TRUE(delivery.redelivered());
    EXPECT_GT(delivery.delivery_tag(), before[2].delivery_tag());
    EXPECT_NE(delivery.message().body(), "1") << "its ack was flushed";
  }
  // An old tag settles nothing of the new stream, not by a list or a range either.
  const std::vector<uint64_t> tags{before[1].delivery_tag(), before[2].delivery_tag()};
  EXPECT_EQ(ReasonOf(consumer.Ack(tags)), kDeliveryStale);
  EXPECT_EQ(ReasonOf(consumer.Requeue(before[2])), kDeliveryStale);
  Transaction transaction(*connection_);
  EXPECT_EQ(ReasonOf(transaction.Ack(consumer, before[2])), kDeliveryStale);
  ASSERT_TRUE(transaction.Ack(consumer, after[0]).ok());
  ASSERT_TRUE(transaction.Commit().ok());
  ASSERT_TRUE(consumer.Ack(after[1]).ok());
  const std::vector<v1::Delivery> rest = Take(consumer, 1);
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_GT(std::stoi(rest[0].message().body()), std::stoi(after[1].message().body()));
}

TEST_F(ReconnectTest, ASharedConsumerGetsItsSubscriptionsBack) {
  v1::DeclareQueueRequest request;
  request.set_name("others");
  request.mutable_options()->set_durable(true);
  ASSERT_TRUE(connection_->DeclareQueue(request).ok());
  request.set_name("passing");
  request.mutable_options()->set_durable(false);
  ASSERT_TRUE(connection_->DeclareQueue(request).ok());

  std::promise<std::pair<uint32_t, absl::Status>> ended;
  std::latch back(2);
  ConsumerOptions options;
  options.subscribe.set_queue("orders");
  options.shared = true;
  options.on_resubscribed = [&](const v1::Subscribed&) { back.count_down(); };
  options.on_subscription_end = [&](uint32_t number, const absl::Status& why) {
    ended.set_value({number, why});
  };
  auto opened = Consumer::Open(*connection_, std::move(options));
  ASSERT_TRUE(opened.ok()) << opened.status();
  Consumer& consumer = **opened;
  for (const char* queue : {"passing", "others"}) {
    v1::Subscribe subscribe;
    subscribe.set_queue(queue);
    const auto subscribed = consumer.Subscribe(std::move(subscribe));
    ASSERT_TRUE(subscribed.ok()) << subscribed.status();
  }
  broker_.Kill();
  ASSERT_TRUE(broker_.Start().ok());
  const auto [number, why] = ended.get_future().get();
  EXPECT_EQ(number, 2U);
  EXPECT_EQ(ReasonOf(why), "QUEUE_NOT_FOUND");
  back.wait();
  v1::PublishRequest publish;
  *publish.add_publications() = To("orders", "1");
  *publish.add_publications() = To("others", "3");
  ASSERT_TRUE(connection_->Publish(publish).ok());
  for (const v1::Delivery& delivery : Take(consumer, 2)) {
    EXPECT_EQ(std::to_string(delivery.subscription()), delivery.message().body());
    EXPECT_TRUE(consumer.Ack(delivery).ok());
  }
  EXPECT_TRUE(consumer.Flush(kPatience).ok());
}

TEST_F(ReconnectTest, AConsumerWhoseQueueIsGoneEnds) {
  v1::DeclareQueueRequest request;
  request.set_name("passing");
  ASSERT_TRUE(connection_->DeclareQueue(request).ok());
  ConsumerOptions options;
  options.subscribe.set_queue("passing");
  auto consumer = Consumer::Open(*connection_, std::move(options));
  ASSERT_TRUE(consumer.ok()) << consumer.status();
  broker_.Kill();
  ASSERT_TRUE(broker_.Start().ok());
  EXPECT_EQ(ReasonOf((*consumer)->Next(kPatience).status()), "QUEUE_NOT_FOUND");
}

TEST_F(ReconnectTest, AConsumerGivesUpWhenTheBrokerStaysAway) {
  ConsumerOptions options;
  options.subscribe.set_queue("orders");
  options.reconnect_timeout = std::chrono::milliseconds(300);
  auto consumer = Consumer::Open(*connection_, std::move(options));
  ASSERT_TRUE(consumer.ok()) << consumer.status();
  broker_.Kill();
  EXPECT_EQ((*consumer)->Next(kPatience).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(ReconnectTest, AConsumerCanBeClosedWhileTheBrokerIsAway) {
  std::promise<absl::Status> lost;
  absl::Status ended;
  ConsumerOptions options;
  options.subscribe.set_queue("orders");
  options.on_lost = [&](const absl::Status& why) { lost.set_value(why); };
  options.on_end = [&](const absl::Status& why) { ended = why; };
  auto consumer = Consumer::Open(*connection_, std::move(options));
  ASSERT_TRUE(consumer.ok()) << consumer.status();
  broker_.Kill();
  lost.get_future().wait();
  consumer->reset();
  EXPECT_EQ(ReasonOf(ended), kClosed);
}

TEST_F(ReconnectTest, AConsumerThatIsNotToReconnectSaysThatItLostItsBroker) {
  ConsumerOptions options;
  options.subscribe.set_queue("orders");
  options.reconnect_timeout = std::chrono::milliseconds(0);
  auto consumer = Consumer::Open(*connection_, std::move(options));
  ASSERT_TRUE(consumer.ok()) << consumer.status();
  broker_.Kill();
  const absl::Status status = (*consumer)->Next(kPatience).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(status), kUnavailable);
}

}  // namespace
}  // namespace warren::client
