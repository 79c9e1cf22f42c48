// Policies by AdminService.
#include <string>
#include <vector>

#include "tests/integration/api/admin_fixture.h"

namespace warren::testing {
namespace {

TEST_F(AdminTest, APolicyCountsWhenItsCallReturnsAndUntilItIsDeleted) {
  StartAll();
  DeclareQueue("orders");
  DeclareQueue("bills");
  Publish("orders", 5);
  v1::PutPolicyRequest put;
  v1::Policy& policy = *put.mutable_policy();
  policy.set_name("short");
  policy.set_pattern("^orders");
  policy.set_priority(-3);
  policy.mutable_queue_options()->set_max_length(2);
  policy.mutable_queue_options()->mutable_message_ttl()->set_seconds(60);
  policy.set_alternate_exchange("amq.fanout");
  Ask(&v1::AdminService::Stub::PutPolicy, put);
  const auto with_it = Ask(&v1::AdminService::Stub::ListQueues, v1::ListQueuesRequest());
  EXPECT_EQ(with_it.queues_size(), 2);
  for (const v1::Queue& queue : with_it.queues()) {
    const bool matches = queue.name() == "orders";
    EXPECT_EQ(queue.policy(), matches ? "short" : "") << queue.name();
    EXPECT_EQ(queue.ready_messages(), matches ? 2u : 0u) << queue.name();
    EXPECT_EQ(queue.options().max_length(), 0u) << "as declared";
    EXPECT_EQ(queue.has_effective_options(), matches);
    EXPECT_EQ(queue.effective_options().max_length(), matches ? 2u : 0u);
    EXPECT_EQ(queue.effective_options().message_ttl().seconds(), matches ? 60 : 0);
  }

  v1::DeclareExchangeRequest exchange;
  exchange.set_name("orders.in");
  exchange.mutable_options()->set_type(v1::EXCHANGE_TYPE_TOPIC);
  v1::DeclareExchangeResponse declared;
  ASSERT_TRUE(stub().DeclareExchange(Context().get(), exchange, &declared).ok());
  v1::ListExchangesRequest exchanges;
  exchanges.set_name_pattern("^orders");
  const auto listed = Ask(&v1::AdminService::Stub::ListExchanges, exchanges);
  ASSERT_EQ(listed.exchanges_size(), 1);
  EXPECT_EQ(listed.exchanges(0).policy(), "short");
  EXPECT_EQ(listed.exchanges(0).effective_options().alternate_exchange(), "amq.fanout");

  // What is listed sets the same policy again.
  const auto policies = Ask(&v1::AdminService::Stub::ListPolicies, v1::ListPoliciesRequest());
  ASSERT_EQ(policies.policies_size(), 1);
  EXPECT_EQ(policies.policies(0).virtual_host(), "/");
  EXPECT_EQ(policies.policies(0).target(), v1::POLICY_TARGET_ALL);
  EXPECT_EQ(policies.policies(0).priority(), -3);
  EXPECT_EQ(policies.policies(0).queue_options().overflow(), v1::OVERFLOW_POLICY_UNSPECIFIED);
  *put.mutable_policy() = policies.policies(0);
  Ask(&v1::AdminService::Stub::PutPolicy, put);

  v1::DeletePolicyRequest gone;
  gone.set_name("short");
  Ask(&v1::AdminService::Stub::DeletePolicy, gone);
  Ask(&v1::AdminService::Stub::DeletePolicy, gone);
  EXPECT_EQ(Ask(&v1::AdminService::Stub::ListPolicies, v1::ListPoliciesRequest()).policies_size(), 0);
  const auto without_it = Ask(&v1::AdminService::Stub::ListQueues, v1::ListQueuesRequest());
  EXPECT_EQ(without_it.queues_size(), 2);
  for (const v1::Queue& queue : without_it.queues()) {
    EXPECT_EQ(queue.policy(), "");
    EXPECT_FALSE(queue.has_effective_options());
  }
}

TEST_F(AdminTest, PoliciesComeInPagesEachOnce) {
  StartAll();
  v1::CreateVirtualHostRequest host;
  host.set_name("shop");
  Ask(&v1::AdminService::Stub::CreateVirtualHost, host);
  std::vector<std::string> set;
  for (const char* in : {"/", "shop"}) {
    for (int i = 10; i < 17; ++i) {
      v1::PutPolicyRequest put;
      put.mutable_policy()->set_virtual_host(in);
      put.mutable_policy()->set_name("p" + std::to_string(i));
      put.mutable_policy()->set_pattern(".*");
      Ask(&v1::AdminService::Stub::PutPolicy, put);
      set.push_back(in + put.policy().name());
    }
  }
  std::vector<std::string> listed;
  v1::ListPoliciesRequest request;
  request.set_page_size(5);
  do {
    const auto page = Ask(&v1::AdminService::Stub::ListPolicies, request);
    for (const v1::Policy& policy : page.policies()) {
      listed.push_back(policy.virtual_host() + policy.name());
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(listed, set);
  request.set_virtual_host("shop");
  request.set_page_size(100);
  EXPECT_EQ(Ask(&v1::AdminService::Stub::ListPolicies, request).policies_size(), 7);
}

TEST_F(AdminTest, APolicyThatMakesNoSenseIsRefusedWithAReason) {
  StartAll();
  const auto refused = [this](auto change) {
    v1::PutPolicyRequest put;
    put.mutable_policy()->set_name("p");
    put.mutable_policy()->set_pattern(".*");
    change(*put.mutable_policy());
    const grpc::Status status = Fail(&v1::AdminService::Stub::PutPolicy, put);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << status.error_message();
    return status.error_message();
  };
  EXPECT_NE(refused([](v1::Policy& p) { p.set_pattern("("); }).find("policy \"p\" in \"/\""),
            std::string::npos);
  EXPECT_NE(refused([](v1::Policy& p) { p.set_pattern(std::string(1'025, 'a')); }).find("at most 1024"),
            std::string::npos);
  refused([](v1::Policy& p) { p.clear_pattern(); });
  refused([](v1::Policy& p) { p.clear_name(); });
  refused([](v1::Policy& p) { p.set_target(static_cast<v1::PolicyTarget>(9)); });
  EXPECT_NE(refused([](v1::Policy& p) { p.mutable_queue_options()->set_durable(true); })
                .find("can't set durable"),
            std::string::npos);
  refused([](v1::Policy& p) { p.mutable_queue_options()->set_max_priority(1); });
  refused([](v1::Policy& p) { p.mutable_queue_options()->mutable_retry(); });
  refused([](v1::Policy& p) { p.mutable_queue_options()->mutable_expires(); });
  EXPECT_EQ(Ask(&v1::AdminService::Stub::ListPolicies, v1::ListPoliciesRequest()).policies_size(), 0);
}

}  // namespace
}  // namespace warren::testing
