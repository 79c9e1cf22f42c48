// Publishing over the wire: results, held publishers, vanishing clients.
#include <gtest/gtest.h>

#include <vector>

#include "tests/integration/api/broker_fixture.h"

namespace warren::testing {
namespace {

class PublishTest : public BrokerFixture {
 protected:
  static v1::PublishStreamRequest Batch(uint64_t first_sequence, int messages,
                                        const std::string& queue, bool persistent = false) {
    v1::PublishStreamRequest request;
    request.mutable_batch()->set_first_sequence(first_sequence);
    for (int i = 0; i < messages; ++i) {
      *request.mutable_batch()->add_publications() = MakePublication(queue, "hello", persistent);
    }
    return request;
  }

  // Reads confirms until `messages` have come; any other frame fails.
  static void AwaitConfirmed(Open<PublisherStream>& publisher, uint64_t messages) {
    uint64_t confirmed = 0;
    v1::PublishStreamResponse response;
    while (confirmed < messages) {
      ASSERT_TRUE(publisher->Read(&response));
      ASSERT_TRUE(response.has_confirms()) << response.ShortDebugString();
      for (const v1::PublishConfirm& confirm : response.confirms().confirms()) {
        EXPECT_EQ(confirm.outcome(), v1::OUTCOME_ACCEPTED) << confirm.ShortDebugString();
        confirmed += confirm.last_sequence() - confirm.first_sequence() + 1;
      }
    }
    EXPECT_EQ(confirmed, messages);
  }
};

TEST_F(PublishTest, EachMessageOfAStreamIsConfirmedAndAHalfClosedOneEndsWithOk) {
  Start();
  DeclareQueue("q", true);
  Open<PublisherStream> publisher = OpenPublisher();
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(publisher->Write(Batch(1 + i * 20, 20, "q", i % 2)));
  publisher->WritesDone();
  AwaitConfirmed(publisher, 1000);
  v1::PublishStreamResponse response;
  EXPECT_FALSE(publisher->Read(&response));
  const grpc::Status status = publisher->Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(Eventually([&] { return Usage().publishers == 0; }));
}

TEST_F(PublishTest, WhatIsResentIsDeliveredAsRedelivered) {
  Start();
  DeclareQueue("q", true);
  Open<PublisherStream> publisher = OpenPublisher("me");
  ASSERT_TRUE(publisher->Write(Batch(1, 1, "q", true)));
  v1::PublishStreamRequest batch = Batch(2, 2, "q", true);
  batch.mutable_batch()->set_resent(true);
  ASSERT_TRUE(publisher->Write(batch));
  v1::PublishStreamRequest single = Batch(4, 2, "q");
  single.mutable_batch()->mutable_publications(1)->set_resent(true);
  ASSERT_TRUE(publisher->Write(single));
  AwaitConfirmed(publisher, 5);

  Open<ConsumerStream> consumer = OpenConsumer("q");
  std::vector<bool> redelivered;
  v1::ConsumeResponse response;
  while (redelivered.size() < 5) {
    ASSERT_TRUE(consumer->Read(&response));
    for (const v1::Delivery& d : response.deliveries().deliveries()) {
      redelivered.push_back(d.redelivered());
      EXPECT_EQ(d.delivery_count(), 0U);
    }
  }
  EXPECT_EQ(redelivered, (std::vector<bool>{false, true, true, false, true}));
}

TEST_F(PublishTest, ABadEntryOfABatchFailsAlone) {
  Start({}, 1000);
  DeclareQueue("q");
  v1::PublishRequest request;
  *request.add_publications() = MakePublication("q", "fine");
  *request.add_publications() = MakePublication("q", std::string(1001, 'x'));
  request.add_publications()->set_routing_key("q");
  *request.add_publications() = MakePublication("q", "wrong");
  request.mutable_publications(3)->mutable_message()->set_priority(256);
  *request.add_publications() = MakePublication("q", "lost");
  request.mutable_publications(4)->set_exchange("nowhere");
  *request.add_publications() = MakePublication("q", std::string(1000, 'x'));

  v1::PublishResponse response;
  const grpc::Status status = stub().Publish(Context().get(), request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(response.results_size(), 6);
  EXPECT_EQ(response.results(0).outcome(), v1::OUTCOME_ACCEPTED);
  EXPECT_EQ(response.results(1).outcome(), v1::OUTCOME_REJECTED);
  EXPECT_EQ(response.results(1).error().code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(response.results(1).error().reason(), "MESSAGE_TOO_LARGE");
  EXPECT_EQ(response.results(2).error().reason(), "MESSAGE_INVALID");
  EXPECT_EQ(response.results(3).error().code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(response.results(4).error().code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(response.results(5).outcome(), v1::OUTCOME_ACCEPTED);
}

TEST_F(PublishTest, AMissingVirtualHostFailsCallAndStream) {
  Start();
  v1::PublishRequest request;
  request.set_virtual_host("nowhere");
  *request.add_publications() = MakePublication("q", "x");
  v1::PublishResponse response;
  grpc::Status status = stub().Publish(Context().get(), request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ReasonOf(status), "VIRTUAL_HOST_NOT_FOUND");

  const auto context = Context();
  const auto stream = stub().PublishStream(context.get());
  v1::PublishStreamRequest open;
  open.mutable_open()->set_virtual_host("nowhere");
  EXPECT_TRUE(stream->Write(open));
  v1::PublishStreamResponse frame;
  EXPECT_FALSE(stream->Read(&frame));
  status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(PublishTest, ASecondStreamOfAProducerTakesOverFromTheFirst) {
  Start();
  DeclareQueue("q");
  Open<PublisherStream> first = OpenPublisher("me");
  Open<PublisherStream> second = OpenPublisher("me");
  v1::PublishStreamResponse response;
  EXPECT_FALSE(first->Read(&response));
  const grpc::Status status = first->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(ReasonOf(status), "PRODUCER_TAKEN_OVER");
  ASSERT_TRUE(second->Write(Batch(1, 1, "q")));
  AwaitConfirmed(second, 1);
}

TEST_F(PublishTest, ClientsThatVanishAtAnyPointLeaveNothingBehind) {
  Start();
  DeclareQueue("q", true);
  for (int i = 0; i < 40; ++i) {
    Open<PublisherStream> publisher = OpenPublisher(i % 2 ? "me" : "");
    for (int b = 0; b < i % 5; ++b) publisher->Write(Batch(1 + b * 10, 10, "q", true));
    publisher.context->TryCancel();
  }
  EXPECT_TRUE(Eventually([&] { return Usage().publishers == 0; }));
  EXPECT_TRUE(Stop().ok());
}

TEST_F(PublishTest, PublishersAreHeldWhileTheStoreStallsAndToldSo) {
  Start();
  DeclareQueue("q", true);
  Open<PublisherStream> publisher = OpenPublisher();
  journal_.Shut();
  ASSERT_TRUE(publisher->Write(Batch(1, 1, "q", true)));
  journal_.AwaitWaiting();
  loop_->Post(runtime::JournalStalled{"the disk is full"});
  v1::PublishStreamResponse response;
  ASSERT_TRUE(publisher->Read(&response));
  ASSERT_TRUE(response.has_blocked()) << response.ShortDebugString();
  EXPECT_EQ(response.blocked().reason(), "STORAGE");
  EXPECT_NE(response.blocked().message().find("the disk is full"), std::string::npos);
  ASSERT_TRUE(publisher->Write(Batch(2, 1, "q", true)));  // held

  loop_->Post(runtime::JournalResumed{});
  journal_.Open();
  bool unblocked = false;
  uint64_t confirmed = 0;
  while (!unblocked || confirmed < 2) {
    ASSERT_TRUE(publisher->Read(&response));
    unblocked |= response.has_unblocked();
    for (const v1::PublishConfirm& c : response.confirms().confirms()) {
      confirmed += c.last_sequence() - c.first_sequence() + 1;
    }
  }
}

TEST_F(PublishTest, AFullMemoryHoldsPublishersUntilConsumersCatchUp) {
  Start({.flow = {.memory_bytes = 1000}});
  DeclareQueue("q");
  Publish("q", 11, std::string(100, 'x'));
  Open<PublisherStream> publisher = OpenPublisher();
  v1::PublishStreamResponse response;
  ASSERT_TRUE(publisher->Read(&response));
  ASSERT_TRUE(response.has_blocked()) << response.ShortDebugString();
  EXPECT_EQ(response.blocked().reason(), "MEMORY");
  ASSERT_TRUE(publisher->Write(Batch(1, 1, "q")));
  Open<ConsumerStream> consumer = OpenConsumer("q", 0, true);
  ASSERT_TRUE(publisher->Read(&response));
  EXPECT_TRUE(response.has_unblocked()) << response.ShortDebugString();
  AwaitConfirmed(publisher, 1);
}

TEST_F(PublishTest, AHeldCallWhoseDeadlinePassesIsNeverApplied) {
  Start({.flow = {.memory_bytes = 1000}});
  DeclareQueue("q");
  Publish("q", 11, std::string(100, 'x'));
  v1::PublishRequest request;
  *request.add_publications() = MakePublication("q", "late");
  v1::PublishResponse response;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(100));
  EXPECT_EQ(stub().Publish(&context, request, &response).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  v1::CommitRequest commit;
  *commit.add_publications() = MakePublication("q", "late");
  v1::CommitResponse committed;
  grpc::ClientContext commit_context;
  commit_context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(100));
  EXPECT_EQ(stub().Commit(&commit_context, commit, &committed).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);

  v1::PurgeQueueRequest purge;
  purge.set_name("q");
  v1::PurgeQueueResponse purged;
  ASSERT_TRUE(stub().PurgeQueue(Context().get(), purge, &purged).ok());
  EXPECT_EQ(purged.message_count(), 11u);
  Publish("q", 1);
  EXPECT_TRUE(Eventually([&] { return Usage().ready_messages == 1; }));
}

TEST_F(PublishTest, AFailingJournalEndsTheBrokerAndReleasesNothing) {
  Start();
  DeclareQueue("q", true);
  Open<PublisherStream> publisher = OpenPublisher();
  journal_.Shut();
  ASSERT_TRUE(publisher->Write(Batch(1, 5, "q", true)));
  journal_.AwaitWaiting();
  journal_.Fail(absl::DataLossError("the disk has gone"));
  v1::PublishStreamResponse response;
  EXPECT_FALSE(publisher->Read(&response)) << response.ShortDebugString();
  const grpc::Status status = publisher->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(Await().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace warren::testing
