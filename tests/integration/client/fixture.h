// A broker, on the store under test, and a connection to it, for each test.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/broker_process.h"
#include "tests/support/storage_under_test.h"
#include "warren/client/connection.h"
#include "warren/client/consumer.h"
#include "warren/client/publisher.h"

namespace warren::client {

// Long enough for a loaded machine; a test that passes doesn't wait for it.
inline constexpr std::chrono::milliseconds kPatience = std::chrono::seconds(30);

inline std::string ReasonOf(const absl::Status& status) { return ErrorInfoOf(status).reason; }

inline v1::Publication To(const std::string& queue, const std::string& body) {
  v1::Publication publication;
  publication.set_routing_key(queue);
  publication.mutable_message()->set_body(body);
  return publication;
}

// As many deliveries as asked for, or fewer if the consumer ends.
inline std::vector<v1::Delivery> Take(Consumer& consumer, size_t count) {
  std::vector<v1::Delivery> deliveries;
  while (deliveries.size() < count) {
    auto batch = consumer.Next(kPatience);
    EXPECT_TRUE(batch.ok()) << batch.status();
    if (!batch.ok()) break;
    deliveries.insert(deliveries.end(), batch->begin(), batch->end());
  }
  return deliveries;
}

class ClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const absl::Status started = broker_.Start();
    ASSERT_TRUE(started.ok()) << started;
    connection_ = Connect();
    ASSERT_NE(connection_, nullptr);
  }

  std::unique_ptr<Connection> Connect() {
    ConnectionOptions options;
    options.address = broker_.address();
    auto connection = Connection::Open(options);
    EXPECT_TRUE(connection.ok()) << connection.status();
    return connection.ok() ? *std::move(connection) : nullptr;
  }

  void DeclareQueue(const std::string& name, const v1::QueueOptions& options = {}) {
    v1::DeclareQueueRequest request;
    request.set_name(name);
    *request.mutable_options() = options;
    const auto declared = connection_->DeclareQueue(request);
    ASSERT_TRUE(declared.ok()) << declared.status();
  }

  // Ready messages.
  uint64_t CountOf(const std::string& queue) {
    v1::DeclareQueueRequest request;
    request.set_name(queue);
    request.set_passive(true);
    const auto declared = connection_->DeclareQueue(request);
    EXPECT_TRUE(declared.ok()) << declared.status();
    return declared.ok() ? declared->message_count() : 0;
  }

  std::unique_ptr<Publisher> OpenPublisher(PublisherOptions options = {}) {
    auto publisher = Publisher::Open(*connection_, std::move(options));
    EXPECT_TRUE(publisher.ok()) << publisher.status();
    return publisher.ok() ? *std::move(publisher) : nullptr;
  }

  std::unique_ptr<Consumer> Subscribe(const std::string& queue, uint32_t prefetch = 0) {
    ConsumerOptions options;
    options.subscribe.set_queue(queue);
    options.subscribe.set_prefetch_messages(prefetch);
    auto consumer = Consumer::Open(*connection_, std::move(options));
    EXPECT_TRUE(consumer.ok()) << consumer.status();
    return consumer.ok() ? *std::move(consumer) : nullptr;
  }

  void PublishAll(const std::string& queue, const std::vector<std::string>& bodies) {
    v1::PublishRequest request;
    for (const std::string& body : bodies) *request.add_publications() = To(queue, body);
    const auto response = connection_->Publish(request);
    ASSERT_TRUE(response.ok()) << response.status();
    for (const auto& result : response->results()) {
      ASSERT_EQ(result.outcome(), v1::OUTCOME_ACCEPTED) << result.error().message();
    }
  }

  static std::vector<std::string> BodiesOf(const std::vector<v1::Delivery>& deliveries) {
    std::vector<std::string> bodies;
    for (const v1::Delivery& delivery : deliveries) bodies.push_back(delivery.message().body());
    return bodies;
  }

  const warren::testing::StorageUnderTest storage_;
  warren::testing::BrokerProcess broker_{{.storage = storage_.url(), .arguments = {}}};
  std::unique_ptr<Connection> connection_;
};

}  // namespace warren::client
