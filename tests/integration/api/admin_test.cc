// AdminService over the wire, without users: lists in pages, connections, messages, configuration.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "tests/integration/api/admin_fixture.h"

namespace warren::testing {
namespace {

TEST_F(AdminTest, QueuesComeInPagesEachOnce) {
  StartAll();
  std::set<std::string> declared;
  for (int i = 0; i < 25; ++i) {
    declared.insert("q" + std::to_string(i));
    DeclareQueue("q" + std::to_string(i));
  }
  Publish("q3", 4);
  std::set<std::string> listed;
  v1::ListQueuesRequest request;
  request.set_page_size(10);
  std::vector<int> sizes;
  do {
    const auto page = Ask(&v1::AdminService::Stub::ListQueues, request);
    sizes.push_back(page.queues_size());
    for (const v1::Queue& queue : page.queues()) {
      EXPECT_TRUE(listed.insert(queue.name()).second) << queue.name();
      EXPECT_EQ(queue.virtual_host(), "/");
      EXPECT_EQ(queue.ready_messages(), queue.name() == "q3" ? 4u : 0u);
      EXPECT_EQ(queue.has_head_ready_since(), queue.name() == "q3");
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(listed, declared);
  EXPECT_EQ(sizes, (std::vector<int>{10, 10, 5}));
}

TEST_F(AdminTest, OptionsAreShownAsDeclared) {
  StartAll();
  v1::DeclareQueueRequest declare;
  declare.set_name("q");
  v1::QueueOptions& options = *declare.mutable_options();
  options.set_durable(true);
  options.mutable_message_ttl()->set_seconds(5);
  options.set_max_length(7);
  options.set_overflow(v1::OVERFLOW_POLICY_REJECT_PUBLISH);
  options.set_dead_letter_exchange("");
  options.set_dead_letter_routing_key("dead");
  options.set_max_priority(3);
  options.mutable_retry()->set_max_attempts(4);
  options.mutable_deduplication_window()->set_seconds(60);
  v1::DeclareQueueResponse declared;
  ASSERT_TRUE(stub().DeclareQueue(Context().get(), declare, &declared).ok());
  const auto page = Ask(&v1::AdminService::Stub::ListQueues, v1::ListQueuesRequest());
  ASSERT_EQ(page.queues_size(), 1);
  const v1::QueueOptions& shown = page.queues(0).options();
  EXPECT_EQ(shown.message_ttl().seconds(), 5);
  EXPECT_EQ(shown.overflow(), v1::OVERFLOW_POLICY_REJECT_PUBLISH);
  EXPECT_TRUE(shown.has_dead_letter_exchange());
  EXPECT_EQ(shown.retry().max_attempts(), 4u);
  // What is shown declares the same queue again.
  *declare.mutable_options() = shown;
  EXPECT_TRUE(stub().DeclareQueue(Context().get(), declare, &declared).ok());
}

TEST_F(AdminTest, NamesAreMatchedByPattern) {
  StartAll();
  for (const char* name : {"orders", "orders.new", "payments"}) DeclareQueue(name);
  v1::ListQueuesRequest request;
  request.set_name_pattern("^orders");
  EXPECT_EQ(Ask(&v1::AdminService::Stub::ListQueues, request).queues_size(), 2);
  request.set_name_pattern("(");
  const grpc::Status refused = Fail(&v1::AdminService::Stub::ListQueues, request);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(refused), "PATTERN_INVALID");
}

TEST_F(AdminTest, ExchangesIncludeTheDefaultOneAndThosePredeclared) {
  StartAll();
  v1::ListExchangesRequest request;
  request.set_page_size(2);
  std::vector<std::string> names;
  do {
    const auto page = Ask(&v1::AdminService::Stub::ListExchanges, request);
    for (const v1::Exchange& exchange : page.exchanges()) names.push_back(exchange.name());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(names, (std::vector<std::string>{"", "amq.direct", "amq.fanout", "amq.topic",
                                             "amq.headers", "amq.match"}));
}

TEST_F(AdminTest, AVirtualHostIsMadeOnceAndListed) {
  StartAll();
  v1::CreateVirtualHostRequest create;
  create.set_name("other");
  Ask(&v1::AdminService::Stub::CreateVirtualHost, create);
  Ask(&v1::AdminService::Stub::CreateVirtualHost, create);
  const auto page = Ask(&v1::AdminService::Stub::ListVirtualHosts, v1::ListVirtualHostsRequest());
  ASSERT_EQ(page.virtual_hosts_size(), 2);
  EXPECT_EQ(page.virtual_hosts(1).name(), "other");
  EXPECT_EQ(page.virtual_hosts(1).exchanges(), 6u);
  create.clear_name();
  EXPECT_EQ(ReasonOf(Fail(&v1::AdminService::Stub::CreateVirtualHost, create)), "NAME_INVALID");
}

TEST_F(AdminTest, LimitsOfAVirtualHostRefuseWhatIsNew) {
  StartAll();
  DeclareQueue("there");
  v1::SetVirtualHostLimitsRequest set;
  set.mutable_limits()->set_max_queues(1);
  set.mutable_limits()->set_max_streams(1);
  set.mutable_limits()->set_max_message_bytes(4);
  Ask(&v1::AdminService::Stub::SetVirtualHostLimits, set);

  v1::DeclareQueueRequest declare;
  declare.set_name("more");
  v1::DeclareQueueResponse declared;
  const grpc::Status full = stub().DeclareQueue(Context().get(), declare, &declared);
  EXPECT_EQ(full.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(full), "QUEUE_LIMIT");
  EXPECT_EQ(full.error_message(),
            "virtual host \"/\" has 1 queues, its limit is 1; delete some, or have an "
            "administrator raise its max_queues");
  DeclareQueue("there");

  const Open<ConsumerStream> consumer = OpenConsumer("there");
  const auto publisher_context = Context();
  const auto publisher = stub().PublishStream(publisher_context.get());
  v1::PublishStreamRequest open;
  open.mutable_open();
  publisher->Write(open);
  v1::PublishStreamResponse opened;
  EXPECT_FALSE(publisher->Read(&opened));
  EXPECT_EQ(ReasonOf(publisher->Finish()), "STREAM_LIMIT");

  v1::PublishRequest publish;
  *publish.add_publications() = MakePublication("there", "12345", true);
  *publish.add_publications() = MakePublication("there", "1234", true);
  v1::PublishResponse results;
  ASSERT_TRUE(stub().Publish(Context().get(), publish, &results).ok());
  EXPECT_EQ(results.results(0).error().reason(), "MESSAGE_TOO_LARGE");
  EXPECT_EQ(results.results(0).error().metadata().at("max_message_bytes"), "4");
  EXPECT_EQ(results.results(0).error().metadata().at("virtual_host"), "/");
  EXPECT_EQ(results.results(1).outcome(), v1::OUTCOME_ACCEPTED);

  auto page = Ask(&v1::AdminService::Stub::ListVirtualHosts, v1::ListVirtualHostsRequest());
  EXPECT_EQ(page.virtual_hosts(0).streams(), 1u);
  EXPECT_EQ(page.virtual_hosts(0).limits().max_message_bytes(), 4u);

  set.clear_limits();
  Ask(&v1::AdminService::Stub::SetVirtualHostLimits, set);
  page = Ask(&v1::AdminService::Stub::ListVirtualHosts, v1::ListVirtualHostsRequest());
  EXPECT_FALSE(page.virtual_hosts(0).limits().has_max_queues());
  DeclareQueue("more");
  set.set_virtual_host("none");
  EXPECT_EQ(ReasonOf(Fail(&v1::AdminService::Stub::SetVirtualHostLimits, set)),
            "VIRTUAL_HOST_NOT_FOUND");
}

TEST_F(AdminTest, BindingsAreListedByTheirEndsAndRoutesExplained) {
  StartAll();
  DeclareQueue("q");
  DeclareQueue("r");
  for (const char* queue : {"q", "r"}) {
    v1::BindRequest bind;
    bind.mutable_binding()->set_source("amq.topic");
    bind.mutable_binding()->set_queue(queue);
    bind.mutable_binding()->set_routing_key(std::string(queue) + ".#");
    v1::BindResponse bound;
    ASSERT_TRUE(stub().Bind(Context().get(), bind, &bound).ok());
  }
  v1::ListBindingsRequest request;
  EXPECT_EQ(Ask(&v1::AdminService::Stub::ListBindings, request).bindings_size(), 2);
  request.set_destination("r");
  const auto page = Ask(&v1::AdminService::Stub::ListBindings, request);
  ASSERT_EQ(page.bindings_size(), 1);
  EXPECT_EQ(page.bindings(0).binding().routing_key(), "r.#");
  v1::ExplainRouteRequest explain;
  explain.set_exchange("amq.topic");
  explain.set_routing_key("q.new");
  const auto explained = Ask(&v1::AdminService::Stub::ExplainRoute, explain);
  ASSERT_EQ(explained.routes_size(), 1);
  EXPECT_EQ(explained.queues(), 1u);
  EXPECT_EQ(explained.routes(0).queue(), "q");
  ASSERT_EQ(explained.routes(0).steps_size(), 1);
  EXPECT_EQ(explained.routes(0).steps(0).binding().routing_key(), "q.#");
  explain.set_routing_key("nothing");
  EXPECT_NE(Ask(&v1::AdminService::Stub::ExplainRoute, explain).unroutable(), "");
  explain.set_exchange("missing");
  EXPECT_EQ(ReasonOf(Fail(&v1::AdminService::Stub::ExplainRoute, explain)), "EXCHANGE_NOT_FOUND");
}

TEST_F(AdminTest, PeekingShowsMessagesAndChangesNothing) {
  StartAll();
  DeclareQueue("q");
  Publish("q", 3, std::string(1'000, 'x'));
  PublishDelayed("q", "m1", 3600);
  Open<ConsumerStream> consumer = OpenConsumer("q", 1);
  v1::ConsumeResponse delivered;
  ASSERT_TRUE(consumer->Read(&delivered));
  const core::Usage before = Usage();
  v1::PeekQueueRequest request;
  request.set_queue("q");
  request.set_max_body_bytes(10);
  request.set_page_size(2);
  std::vector<v1::QueueEntry> entries;
  do {
    const auto page = Ask(&v1::AdminService::Stub::PeekQueue, request);
    entries.insert(entries.end(), page.entries().begin(), page.entries().end());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  ASSERT_EQ(entries.size(), 4u);
  EXPECT_EQ(entries[0].state(), v1::ENTRY_STATE_READY);
  EXPECT_EQ(entries[0].message().body(), std::string(10, 'x'));
  EXPECT_EQ(entries[0].body_bytes(), 1'000u);
  EXPECT_EQ(entries[2].state(), v1::ENTRY_STATE_DELAYED);
  EXPECT_EQ(entries[2].message().message_id(), "m1");
  EXPECT_TRUE(entries[2].has_due_at());
  EXPECT_EQ(entries[3].state(), v1::ENTRY_STATE_UNSETTLED);
  EXPECT_EQ(entries[3].delivery_count(), 0u);
  EXPECT_EQ(Usage().delivered_total, before.delivered_total);
  request.set_page_token("");
  request.set_state(v1::ENTRY_STATE_DELAYED);
  EXPECT_EQ(Ask(&v1::AdminService::Stub::PeekQueue, request).entries_size(), 1);
}

TEST_F(AdminTest, APageOfLargeBodiesFitsAClientsDefaultLimit) {
  StartAll();
  DeclareQueue("q");
  for (int i = 0; i < 20; ++i) Publish("q", 1, std::string(900'000, 'x'));
  v1::PeekQueueRequest request;
  request.set_queue("q");
  request.set_max_body_bytes(16 << 20);
  int entries = 0;
  do {
    const auto page = Ask(&v1::AdminService::Stub::PeekQueue, request);
    EXPECT_LT(page.ByteSizeLong(), size_t{4} << 20);
    entries += page.entries_size();
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(entries, 20);
}

TEST_F(AdminTest, MovingIsToldOnceItIsDurable) {
  StartAll();
  DeclareQueue("from", true);
  DeclareQueue("to", true);
  Publish("from", 5);
  v1::MoveMessagesRequest request;
  request.set_source("from");
  request.set_destination("to");
  request.set_max_messages(2);
  const auto moved = Ask(&v1::AdminService::Stub::MoveMessages, request);
  EXPECT_EQ(moved.moved(), 2u);
  EXPECT_EQ(moved.left(), 3u);
  request.set_destination("from");
  const grpc::Status same = Fail(&v1::AdminService::Stub::MoveMessages, request);
  EXPECT_EQ(same.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonOf(same), "SAME_QUEUE");
  request.set_max_messages(10'001);
  EXPECT_EQ(ReasonOf(Fail(&v1::AdminService::Stub::MoveMessages, request)), "BATCH_INVALID");
}

TEST_F(AdminTest, ScheduledMessagesAreListedAndCancelled) {
  StartAll();
  DeclareQueue("a", true);
  DeclareQueue("none");
  DeclareQueue("b", true);
  for (int i = 0; i < 5; ++i) PublishDelayed("a", "a" + std::to_string(i), 3600 - i);
  for (int i = 0; i < 3; ++i) PublishDelayed("b", "b" + std::to_string(i), 3600 + i);
  v1::ListScheduledMessagesRequest request;
  request.set_page_size(3);
  std::vector<std::string> ids;
  std::vector<uint64_t> numbers;
  do {
    const auto page = Ask(&v1::AdminService::Stub::ListScheduledMessages, request);
    EXPECT_EQ(page.total(), 8u);
    for (const v1::QueueEntry& entry : page.entries()) {
      ids.push_back(entry.message().message_id());
      numbers.push_back(entry.id());
      EXPECT_EQ(entry.queue(), ids.back().substr(0, 1));
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(ids, (std::vector<std::string>{"a4", "a3", "a2", "a1", "a0", "b0", "b1", "b2"}));
  v1::CancelScheduledMessagesRequest cancel;
  cancel.set_queue("a");
  EXPECT_EQ(ReasonOf(Fail(&v1::AdminService::Stub::CancelScheduledMessages, cancel)),
            "BATCH_INVALID");
  cancel.add_ids(numbers[0]);
  cancel.add_ids(987'654'321);
  cancel.add_message_ids("a2");
  EXPECT_EQ(Ask(&v1::AdminService::Stub::CancelScheduledMessages, cancel).cancelled(), 2u);
  cancel.set_all(true);
  EXPECT_EQ(Ask(&v1::AdminService::Stub::CancelScheduledMessages, cancel).cancelled(), 3u);
  v1::ListScheduledMessagesRequest of_b;
  of_b.set_queue("b");
  const auto left = Ask(&v1::AdminService::Stub::ListScheduledMessages, of_b);
  EXPECT_EQ(left.entries_size(), 3);
  EXPECT_EQ(left.total(), 3u);
}

TEST_F(AdminTest, ConnectionsAreShownWithTheirStreamsAndClosed) {
  StartAll();
  DeclareQueue("q");
  Open<ConsumerStream> consumer = OpenConsumer("q", 7);
  Open<PublisherStream> publisher = OpenPublisher();
  const auto consumers = Ask(&v1::AdminService::Stub::ListConsumers, v1::ListConsumersRequest());
  ASSERT_EQ(consumers.consumers_size(), 1);
  EXPECT_EQ(consumers.consumers(0).prefetch_messages(), 7u);
  const std::string peer = consumers.consumers(0).peer();
  EXPECT_EQ(peer.rfind("ipv4:127.0.0.1:", 0), 0u) << peer;
  v1::ListConnectionsRequest list;
  const auto connections = Ask(&v1::AdminService::Stub::ListConnections, list);
  ASSERT_EQ(connections.connections_size(), 2) << connections.ShortDebugString();
  const auto& one = *std::find_if(connections.connections().begin(), connections.connections().end(),
                                  [&](const v1::Connection& c) { return c.peer() == peer; });
  EXPECT_EQ(one.consumers(), 1u);
  EXPECT_EQ(one.publishers(), 1u);
  list.set_page_size(1);
  EXPECT_NE(Ask(&v1::AdminService::Stub::ListConnections, list).next_page_token(), "");

  v1::CloseConnectionRequest close;
  close.set_peer("ipv4:127.0.0.1:1");
  EXPECT_EQ(ReasonOf(Fail(&v1::AdminService::Stub::CloseConnection, close)),
            "CONNECTION_NOT_FOUND");
  close.set_peer(peer);
  close.set_reason("by test");
  Ask(&v1::AdminService::Stub::CloseConnection, close);
  v1::ConsumeResponse response;
  EXPECT_FALSE(consumer->Read(&response));
  const grpc::Status ended = consumer->Finish();
  EXPECT_EQ(ended.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(ReasonOf(ended), "CONNECTION_CLOSED");
  EXPECT_NE(ended.error_message().find("by test"), std::string::npos);
  v1::PublishStreamResponse confirmed;
  EXPECT_FALSE(publisher->Read(&confirmed));
  EXPECT_EQ(ReasonOf(publisher->Finish()), "CONNECTION_CLOSED");
  EXPECT_TRUE(Eventually([&] { return Usage().consumers == 0 && Usage().publishers == 0; }));
  DeclareQueue("again");  // the client connects anew, or goes on
}

TEST_F(AdminTest, TheOverviewIsWhatIsThere) {
  StartAll();
  DeclareQueue("q");
  Publish("q", 3);
  const Open<PublisherStream> publisher = OpenPublisher();  // a connection beside the asker's
  const auto overview = Ask(&v1::AdminService::Stub::GetOverview, v1::GetOverviewRequest());
  EXPECT_EQ(overview.ready_messages(), 3u);
  EXPECT_EQ(overview.queues(), 1u);
  EXPECT_EQ(overview.connections(), 2u);
  EXPECT_EQ(overview.publishers(), 1u);
  EXPECT_FALSE(overview.draining());
  EXPECT_FALSE(overview.has_alarm());
  EXPECT_FALSE(overview.has_certificate_expires_at());
  EXPECT_TRUE(overview.has_serving_since());
}

TEST_F(AdminTest, DrainAnswersAndTheBrokerStops) {
  StartAll();
  DeclareQueue("q");
  Ask(&v1::AdminService::Stub::Drain, v1::DrainRequest());
  EXPECT_TRUE(Await().ok());
}

TEST_F(AdminTest, TokensAndSizesThatNobodyGaveOutAreRefused) {
  StartAll();
  for (int i = 0; i < 3; ++i) DeclareQueue("q" + std::to_string(i));
  v1::ListQueuesRequest first;
  first.set_page_size(1);
  const std::string token = Ask(&v1::AdminService::Stub::ListQueues, first).next_page_token();
  for (const std::string& bad :
       {std::string("x"), token + "A", std::string(5'000, 'A'), std::string("cXVldWVzLy0xLw"),
        std::string("//+/")}) {
    v1::ListQueuesRequest request;
    request.set_page_token(bad);
    EXPECT_EQ(ReasonOf(Fail(&v1::AdminService::Stub::ListQueues, request)), "PAGE_TOKEN_INVALID")
        << bad;
  }
  v1::ListConsumersRequest other;  // a token of another list
  other.set_page_token(token);
  EXPECT_EQ(ReasonOf(Fail(&v1::AdminService::Stub::ListConsumers, other)), "PAGE_TOKEN_INVALID");
  v1::ListQueuesRequest huge;
  huge.set_page_size(1'001);
  EXPECT_EQ(ReasonOf(Fail(&v1::AdminService::Stub::ListQueues, huge)), "PAGE_SIZE_INVALID");
  v1::PeekQueueRequest peek;
  peek.set_queue("q0");
  peek.set_page_size(101);
  EXPECT_EQ(ReasonOf(Fail(&v1::AdminService::Stub::PeekQueue, peek)), "PAGE_SIZE_INVALID");
  peek.set_page_size(0);
  peek.set_state(static_cast<v1::EntryState>(99));
  EXPECT_EQ(ReasonOf(Fail(&v1::AdminService::Stub::PeekQueue, peek)), "STATE_INVALID");
}

}  // namespace
}  // namespace warren::testing
