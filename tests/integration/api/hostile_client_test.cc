// Clients that break the rules of the wire: each gets a typed error, nobody else notices.
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <random>

#include "grpc/health/v1/health.grpc.pb.h"
#include "tests/integration/api/broker_fixture.h"

namespace warren::testing {
namespace {

class HostileClientTest : public BrokerFixture {
 protected:
  static grpc::ByteBuffer Bytes(const std::string& bytes) {
    const grpc::Slice slice(bytes);
    return {&slice, 1};
  }

  // Sends the frames on a stream of `method`, closes it, and returns its status.
  grpc::Status Send(const std::string& method, const std::vector<grpc::ByteBuffer>& frames) {
    grpc::GenericStub generic(NewChannel());
    const auto context = Context();
    grpc::CompletionQueue queue;
    const auto stream =
        generic.PrepareCall(context.get(), "/warren.v1.BrokerService/" + method, &queue);
    stream->StartCall(this);
    Next(queue);
    bool ok = true;
    for (size_t i = 0; ok && i < frames.size(); ++i) {
      stream->Write(frames[i], this);
      ok = Next(queue);
    }
    stream->WritesDone(this);
    Next(queue);
    grpc::ByteBuffer answer;
    do {
      stream->Read(&answer, this);
    } while (Next(queue));
    grpc::Status status;
    stream->Finish(&status, this);
    Next(queue);
    return status;
  }

  grpc::Status SendMessage(const std::string& method,
                           const std::vector<const google::protobuf::Message*>& frames) {
    std::vector<grpc::ByteBuffer> buffers;
    for (const auto* frame : frames) buffers.push_back(Bytes(frame->SerializeAsString()));
    return Send(method, buffers);
  }

  void ExpectStillServing() {
    DeclareQueue("alive");
    Publish("alive", 1);
  }

 private:
  static bool Next(grpc::CompletionQueue& queue) {
    void* tag = nullptr;
    bool ok = false;
    EXPECT_TRUE(queue.Next(&tag, &ok));
    return ok;
  }
};

TEST_F(HostileClientTest, GarbageIsRefusedWithATypedError) {
  Start();
  for (const char* method : {"Publish", "PublishStream", "Consume", "Get", "Ack", "Commit",
                             "DeclareQueue", "Bind"}) {
    const grpc::Status status = Send(method, {Bytes("\xff\xff\xff\xff garbage")});
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << method;
    EXPECT_EQ(ReasonOf(status), "FRAME_INVALID") << method;
  }
  ExpectStillServing();
}

TEST_F(HostileClientTest, RandomBytesNeverHurtTheBroker) {
  Start();
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const char* const methods[] = {"PublishStream", "Consume", "Publish", "Commit"};
  for (int i = 0; i < 200; ++i) {
    std::string bytes(random() % 64, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    Send(methods[i % 4], {Bytes(bytes), Bytes(bytes)});
  }
  ExpectStillServing();
  EXPECT_TRUE(Eventually([&] { return Usage().publishers == 0; }));
}

TEST_F(HostileClientTest, PublishStreamsMustOpenFirstAndOnce) {
  Start();
  DeclareQueue("q");
  v1::PublishStreamRequest open;
  open.mutable_open();
  v1::PublishStreamRequest batch;
  batch.mutable_batch()->set_first_sequence(5);
  *batch.mutable_batch()->add_publications() = MakePublication("q", "x");
  v1::PublishStreamRequest empty;
  v1::PublishStreamRequest empty_batch;
  empty_batch.mutable_batch()->set_first_sequence(1);
  v1::PublishStreamRequest no_sequence = batch;
  no_sequence.mutable_batch()->set_first_sequence(0);
  v1::PublishStreamRequest huge_sequence = batch;
  huge_sequence.mutable_batch()->set_first_sequence(~uint64_t{0});

  EXPECT_EQ(ReasonOf(SendMessage("PublishStream", {&batch})), "PROTOCOL_FAULT");
  EXPECT_EQ(ReasonOf(SendMessage("PublishStream", {&open, &open})), "PROTOCOL_FAULT");
  EXPECT_EQ(ReasonOf(SendMessage("PublishStream", {&open, &empty})), "PROTOCOL_FAULT");
  EXPECT_EQ(ReasonOf(SendMessage("PublishStream", {&open, &batch, &batch})), "PROTOCOL_FAULT");
  EXPECT_EQ(ReasonOf(SendMessage("PublishStream", {&open, &empty_batch})), "BATCH_INVALID");
  EXPECT_EQ(ReasonOf(SendMessage("PublishStream", {&open, &no_sequence})), "SEQUENCE_INVALID");
  EXPECT_EQ(ReasonOf(SendMessage("PublishStream", {&open, &huge_sequence})), "SEQUENCE_INVALID");
  EXPECT_TRUE(SendMessage("PublishStream", {&open, &batch}).ok());
  EXPECT_TRUE(SendMessage("PublishStream", {}).ok());
  ExpectStillServing();
}

TEST_F(HostileClientTest, ConsumersMustSubscribeFirstAndOnce) {
  Start();
  DeclareQueue("q");
  v1::ConsumeRequest subscribe;
  subscribe.mutable_subscribe()->set_queue("q");
  v1::ConsumeRequest drain;
  drain.mutable_drain();
  v1::ConsumeRequest empty;
  v1::ConsumeRequest prefetch;
  prefetch.mutable_set_prefetch()->set_prefetch_messages(65'536);
  v1::ConsumeRequest no_outcome;
  no_outcome.mutable_settle()->add_settlements()->add_delivery_tags(1);
  v1::ConsumeRequest missing;
  missing.mutable_subscribe()->set_queue("nowhere");

  EXPECT_EQ(ReasonOf(SendMessage("Consume", {&drain})), "PROTOCOL_FAULT");
  EXPECT_EQ(ReasonOf(SendMessage("Consume", {&subscribe, &subscribe})), "PROTOCOL_FAULT");
  EXPECT_EQ(ReasonOf(SendMessage("Consume", {&subscribe, &empty})), "PROTOCOL_FAULT");
  EXPECT_EQ(ReasonOf(SendMessage("Consume", {&subscribe, &prefetch})), "PREFETCH_INVALID");
  EXPECT_EQ(ReasonOf(SendMessage("Consume", {&subscribe, &no_outcome})), "SETTLEMENT_INVALID");
  EXPECT_EQ(SendMessage("Consume", {&missing}).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_TRUE(Eventually([&] { return Usage().consumers == 0; }));
  ExpectStillServing();
}

TEST_F(HostileClientTest, AnOversizeFrameEndsItsStreamAlone) {
  Start({}, 1000);
  DeclareQueue("q");
  Open<ConsumerStream> neighbour = OpenConsumer("q");
  v1::PublishStreamRequest open;
  open.mutable_open();
  v1::PublishStreamRequest huge;
  huge.mutable_batch()->set_first_sequence(1);
  *huge.mutable_batch()->add_publications() = MakePublication("q", std::string(20 << 20, 'x'));
  const grpc::Status status = SendMessage("PublishStream", {&open, &huge});
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << status.error_message();
  Publish("q", 1);
  v1::ConsumeResponse response;
  EXPECT_TRUE(neighbour->Read(&response));
  EXPECT_EQ(response.deliveries().deliveries_size(), 1);
}

TEST_F(HostileClientTest, HealthIsAnsweredPerService) {
  Start();
  using grpc::health::v1::HealthCheckResponse;
  const auto health = grpc::health::v1::Health::NewStub(NewChannel());
  grpc::health::v1::HealthCheckRequest request;
  HealthCheckResponse response;
  ASSERT_TRUE(health->Check(Context().get(), request, &response).ok());
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  request.set_service("warren.v1.BrokerService");
  ASSERT_TRUE(health->Check(Context().get(), request, &response).ok());
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  const auto context = Context();
  const auto watch = health->Watch(context.get(), request);
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  request.set_service("nothing");
  EXPECT_EQ(health->Check(Context().get(), request, &response).error_code(),
            grpc::StatusCode::NOT_FOUND);
  EXPECT_TRUE(Stop().ok());
}

}  // namespace
}  // namespace warren::testing
