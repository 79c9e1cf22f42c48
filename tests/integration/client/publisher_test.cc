#include <future>
#include <map>
#include <mutex>

#include "tests/integration/client/fixture.h"

namespace warren::client {
namespace {

using ::testing::ElementsAre;

using PublisherTest = ClientTest;

TEST_F(PublisherTest, MessagesArriveInOrder) {
  DeclareQueue("orders");
  const auto publisher = OpenPublisher();
  for (const char* body : {"a", "b", "c"}) {
    ASSERT_TRUE(publisher->Publish(To("orders", body)).ok());
  }
  ASSERT_TRUE(publisher->Flush(kPatience).ok());
  EXPECT_EQ(publisher->unconfirmed(), 0u);
  const auto consumer = Subscribe("orders");
  EXPECT_THAT(BodiesOf(Take(*consumer, 3)), ElementsAre("a", "b", "c"));
}

TEST_F(PublisherTest, EachMessageIsConfirmedOnceByRangeAndByCallback) {
  DeclareQueue("orders");
  constexpr uint64_t kMessages = 20'000;
  std::mutex mutex;
  std::map<uint64_t, int> by_range;
  std::map<uint64_t, int> by_callback;
  PublisherOptions options;
  options.max_unconfirmed = 500;
  options.on_confirm = [&](const Confirmation& c) {
    std::lock_guard lock(mutex);
    EXPECT_TRUE(c.ok());
    for (uint64_t i = c.first_sequence; i <= c.last_sequence; ++i) ++by_range[i];
  };
  const auto publisher = OpenPublisher(std::move(options));
  for (uint64_t i = 1; i <= kMessages; ++i) {
    const auto sequence =
        publisher->Publish(To("orders", std::to_string(i)), [&](const Confirmation& c) {
          std::lock_guard lock(mutex);
          EXPECT_EQ(c.first_sequence, c.last_sequence);
          ++by_callback[c.first_sequence];
        });
    ASSERT_TRUE(sequence.ok());
    ASSERT_EQ(*sequence, i);
    ASSERT_LE(publisher->unconfirmed(), 500u);
  }
  ASSERT_TRUE(publisher->Flush(kPatience).ok());
  for (const auto& confirmed : {by_range, by_callback}) {
    ASSERT_EQ(confirmed.size(), kMessages);
    for (const auto& [sequence, times] : confirmed) ASSERT_EQ(times, 1) << sequence;
  }
  EXPECT_EQ(CountOf("orders"), kMessages);
}

TEST_F(PublisherTest, ARefusedMessageFailsAloneWithTheBrokersReason) {
  v1::QueueOptions options;
  options.set_max_length(1);
  options.set_overflow(v1::OVERFLOW_POLICY_REJECT_PUBLISH);
  DeclareQueue("small", options);
  const auto publisher = OpenPublisher();
  auto first = publisher->PublishWithFuture(To("small", "fits"));
  auto second = publisher->PublishWithFuture(To("small", "one too many"));
  v1::Publication lost = To("small", "lost");
  lost.set_exchange("nowhere");
  auto third = publisher->PublishWithFuture(lost);
  ASSERT_TRUE(first.ok() && second.ok() && third.ok());

  EXPECT_EQ(first->get().outcome, v1::OUTCOME_ACCEPTED);
  const Confirmation refused = second->get();
  EXPECT_EQ(refused.outcome, v1::OUTCOME_REJECTED);
  EXPECT_EQ(ReasonOf(refused.error), "QUEUE_FULL");
  EXPECT_EQ(ErrorInfoOf(refused.error).metadata.at("name"), "small");
  const Confirmation missing = third->get();
  EXPECT_EQ(missing.outcome, v1::OUTCOME_REJECTED);
  EXPECT_EQ(missing.error.code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(publisher->Flush(kPatience).ok());
}

TEST_F(PublisherTest, AnUnroutableMandatoryMessageComesBack) {
  const auto publisher = OpenPublisher();
  v1::Publication publication = To("nobody", "hello?");
  publication.set_mandatory(true);
  auto confirmation = publisher->PublishWithFuture(publication);
  ASSERT_TRUE(confirmation.ok());
  EXPECT_EQ(confirmation->get().outcome, v1::OUTCOME_UNROUTABLE);
}

TEST_F(PublisherTest, AMessageTooLargeIsRefusedBeforeItIsSent) {
  const auto publisher = OpenPublisher();
  const auto sequence = publisher->Publish(To("orders", std::string(size_t{64} << 20, 'x')));
  EXPECT_EQ(sequence.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(sequence.status()), "MESSAGE_TOO_LARGE");
  EXPECT_TRUE(publisher->Publish(To("orders", "small")).ok());
}

TEST_F(PublisherTest, PublishingFromACallbackNeverWaits) {
  DeclareQueue("orders");
  PublisherOptions options;
  options.max_unconfirmed = 1;
  const auto publisher = OpenPublisher(std::move(options));
  std::promise<std::pair<absl::Status, absl::Status>> done;
  ASSERT_TRUE(publisher
                  ->Publish(To("orders", "first"),
                            [&](const Confirmation&) {
                              auto second = publisher->Publish(To("orders", "second"));
                              auto third = publisher->Publish(To("orders", "third"));
                              done.set_value({second.status(), third.status()});
                            })
                  .ok());
  const auto [second, third] = done.get_future().get();
  EXPECT_TRUE(second.ok()) << second;
  EXPECT_EQ(ReasonOf(third), kWindowFull);
  EXPECT_TRUE(publisher->Flush(kPatience).ok());
}

TEST_F(PublisherTest, ASecondPublisherOfTheSameProducerTakesOver) {
  DeclareQueue("orders");
  PublisherOptions options;
  options.producer_id = "billing";
  const auto first = OpenPublisher(options);
  ASSERT_TRUE(first->Publish(To("orders", "1")).ok());
  ASSERT_TRUE(first->Flush(kPatience).ok());

  const auto second = OpenPublisher(options);
  EXPECT_EQ(second->resumed_from(), 1u);
  ASSERT_EQ(*second->Publish(To("orders", "2")), 2u);
  EXPECT_TRUE(second->Flush(kPatience).ok());
  // The first learns of it at the latest from what it publishes next.
  absl::Status ended;
  do {
    ended = first->Publish(To("orders", "too late")).status();
    if (ended.ok()) ended = first->Flush(kPatience);
  } while (ended.ok());
  EXPECT_EQ(ended.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ReasonOf(ended), "PRODUCER_TAKEN_OVER");
}

TEST_F(PublisherTest, AnUnknownVirtualHostIsSaidWhenItOpens) {
  PublisherOptions options;
  options.virtual_host = "nowhere";
  const auto publisher = Publisher::Open(*connection_, options);
  EXPECT_EQ(publisher.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(publisher.status()), "VIRTUAL_HOST_NOT_FOUND");
}

TEST(ConnectionTest, NoBrokerAtTheAddressIsUnavailable) {
  ConnectionOptions options;
  // A port that is reserved and never listened on.
  options.address = "127.0.0.1:1";
  options.connect_timeout = std::chrono::milliseconds(200);
  const auto connection = Connection::Open(options);
  EXPECT_EQ(connection.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(connection.status()), kUnavailable);
}

}  // namespace
}  // namespace warren::client
