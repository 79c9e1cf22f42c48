#include "tests/integration/api/broker_fixture.h"

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "server/runtime/clock.h"
#include "storage/open.h"

namespace warren::testing {
namespace {

constexpr auto kPatience = std::chrono::seconds(20);

std::unique_ptr<storage::Journal> OpenJournal(const std::string& url) {
  auto journal = storage::OpenJournal({.url = url});
  EXPECT_TRUE(journal.ok()) << journal.status();
  return *std::move(journal);
}

}  // namespace

absl::Status GateJournal::Append(const storage::Batch& batch) {
  std::unique_lock lock(mutex_);
  waiting_ = shut_ && failure_.ok();
  changed_.notify_all();
  changed_.wait(lock, [this] { return !shut_ || !failure_.ok(); });
  waiting_ = false;
  if (!failure_.ok()) return failure_;
  lock.unlock();
  absl::Status status = behind_->Append(batch);
  lock.lock();
  if (status.ok()) ++appended_;
  return status;
}

void GateJournal::Shut() {
  const std::lock_guard lock(mutex_);
  shut_ = true;
}

void GateJournal::Open() {
  const std::lock_guard lock(mutex_);
  shut_ = false;
  changed_.notify_all();
}

void GateJournal::Fail(absl::Status status) {
  const std::lock_guard lock(mutex_);
  failure_ = std::move(status);
  changed_.notify_all();
}

void GateJournal::AwaitWaiting() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return waiting_; });
}

uint64_t GateJournal::appended() const {
  const std::lock_guard lock(mutex_);
  return appended_;
}

BrokerFixture::BrokerFixture() : journal_(OpenJournal(storage_.url())) {}

void BrokerFixture::Start(const runtime::LoopOptions& options, size_t max_message_bytes) {
  broker_.FinishRecovery(runtime::NowMs());
  auto server =
      api::Server::Listen({.address = "127.0.0.1:0", .max_message_bytes = max_message_bytes});
  ASSERT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
  loop_ = std::make_unique<runtime::Loop>(server_->queue(), broker_, journal_, stats_, options);
  authenticator_ = *auth::Authenticator::Open({}, auth_stats_);
  server_->Serve(*loop_, *authenticator_, auth_stats_);
  vitals_.Serving([this](runtime::Mail mail) { loop_->Post(std::move(mail)); });
  thread_ = std::thread([this] { ended_ = loop_->Run(*server_); });
  stub_ = v1::BrokerService::NewStub(NewChannel());
}

BrokerFixture::~BrokerFixture() {
  journal_.Open();
  if (thread_.joinable()) (void)Stop();
  broker_.CheckInvariants();
}

absl::Status BrokerFixture::Stop() {
  loop_->Post(runtime::StopRequested{});
  return Await();
}

absl::Status BrokerFixture::Await() {
  thread_.join();
  return ended_;
}

std::shared_ptr<grpc::Channel> BrokerFixture::NewChannel() const {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(-1);
  return grpc::CreateCustomChannel(server_->address(), grpc::InsecureChannelCredentials(),
                                   arguments);
}

std::unique_ptr<grpc::ClientContext> BrokerFixture::Context() {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(std::chrono::system_clock::now() + kPatience);
  return context;
}

void BrokerFixture::DeclareQueue(const std::string& name, bool durable) {
  v1::DeclareQueueRequest request;
  request.set_name(name);
  request.mutable_options()->set_durable(durable);
  v1::DeclareQueueResponse response;
  const grpc::Status status = stub().DeclareQueue(Context().get(), request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
}

Open<PublisherStream> BrokerFixture::OpenPublisher(const std::string& producer_id) {
  Open<PublisherStream> open;
  open.context = Context();
  open.stream = stub().PublishStream(open.context.get());
  v1::PublishStreamRequest request;
  request.mutable_open()->set_producer_id(producer_id);
  EXPECT_TRUE(open->Write(request));
  v1::PublishStreamResponse response;
  EXPECT_TRUE(open->Read(&response));
  EXPECT_TRUE(response.has_opened()) << response.ShortDebugString();
  return open;
}

Open<ConsumerStream> BrokerFixture::OpenConsumer(const std::string& queue, uint32_t prefetch,
                                                 bool auto_ack) {
  Open<ConsumerStream> open;
  open.context = Context();
  open.stream = stub().Consume(open.context.get());
  v1::ConsumeRequest request;
  request.mutable_subscribe()->set_queue(queue);
  request.mutable_subscribe()->set_prefetch_messages(prefetch);
  request.mutable_subscribe()->set_auto_ack(auto_ack);
  EXPECT_TRUE(open->Write(request));
  v1::ConsumeResponse response;
  EXPECT_TRUE(open->Read(&response));
  EXPECT_TRUE(response.has_subscribed()) << response.ShortDebugString();
  return open;
}

void BrokerFixture::Publish(const std::string& queue, int messages, const std::string& body) {
  v1::PublishRequest request;
  for (int i = 0; i < messages; ++i) *request.add_publications() = MakePublication(queue, body);
  v1::PublishResponse response;
  const grpc::Status status = stub().Publish(Context().get(), request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(response.results_size(), messages);
  for (const v1::PublishResult& result : response.results()) {
    ASSERT_EQ(result.outcome(), v1::OUTCOME_ACCEPTED) << result.ShortDebugString();
  }
}

core::Usage BrokerFixture::Usage() {
  core::Usage usage;
  EXPECT_TRUE(vitals_.Ask([&](const runtime::Insight& now) { usage = now.broker.usage(); },
                          kPatience));
  return usage;
}

::testing::AssertionResult BrokerFixture::Eventually(const std::function<bool()>& condition) {
  const auto health = grpc::health::v1::Health::NewStub(NewChannel());
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) {
      return ::testing::AssertionFailure() << "didn't come true in time";
    }
    // A round trip, so that the loop has had a turn since.
    grpc::health::v1::HealthCheckResponse response;
    health->Check(Context().get(), {}, &response);
  }
  return ::testing::AssertionSuccess();
}

v1::Publication MakePublication(const std::string& queue, const std::string& body,
                                bool persistent) {
  v1::Publication publication;
  publication.set_routing_key(queue);
  publication.mutable_message()->set_body(body);
  if (persistent) publication.mutable_message()->set_delivery_mode(v1::DELIVERY_MODE_PERSISTENT);
  return publication;
}

std::string ReasonOf(const grpc::Status& status) {
  google::rpc::Status details;
  if (!details.ParseFromString(status.error_details())) return "";
  google::rpc::ErrorInfo info;
  if (details.details_size() != 1 || !details.details(0).UnpackTo(&info)) return "";
  EXPECT_EQ(info.domain(), "warren");
  EXPECT_EQ(details.code(), status.error_code());
  return info.reason();
}

}  // namespace warren::testing
