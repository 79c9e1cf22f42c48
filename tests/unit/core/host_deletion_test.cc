// A virtual host is deleted a little at each step, and after a crash at any moment.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/unit/core/crashing_broker.h"

namespace warren::core {
namespace {

constexpr char kShop[] = "shop";

class HostDeletion : public CrashingBroker {
 protected:
  // Durable queues with persistent messages, in both hosts; a producer, permissions, a binding.
  void Fill(int queues, int messages_each) {
    Step(DeclareVirtualHost{.request = {1}, .name = kShop});
    Step(PutUser{.request = {2}, .name = "anna"});
    for (const char* host : {"/", kShop}) {
      Step(SetPermissions{.request = {3}, .user = "anna", .permissions = {.virtual_host = host}});
      Step(OpenPublisher{
          .publisher = {++last_id_}, .virtual_host = host, .producer_id = "billing"});
      uint64_t sequence = 1;
      for (int i = 0; i < queues; ++i) {
        const std::string name = absl::StrCat("q", i);
        Step(DeclareQueue{.request = {4},
                          .virtual_host = host,
                          .name = name,
                          .options = storage::QueueOptions{.durable = true}});
        Step(Bind{.request = {5},
                  .virtual_host = host,
                  .binding = {.source = "amq.direct", .destination = name, .key = name}});
        for (int j = 0; j < messages_each; ++j) {
          auto message = storage::MakeRef<storage::Message>();
          message->routing_key = storage::SharedString(name);
          message->persistent = true;
          std::vector<Publication> publications(1);
          publications[0].message = std::move(message);
          publications[0].delay_ms = j % 2 == 0 ? 0 : 60'000;
          Step(Publish{.publisher = {last_id_},
                       .first_sequence = sequence++,
                       .publications = std::move(publications)});
        }
      }
    }
    CommitAll();
  }

  uint64_t QueuesIn(const std::string& host) const {
    uint64_t count = 0;
    for (const QueueView& queue : broker_->ListQueues()) {
      if (queue.virtual_host == host) ++count;
    }
    return count;
  }

  bool IsThere() {
    const Effects effects = Step(Bind{.request = {9}, .virtual_host = kShop, .binding = {}});
    return std::get<Replied>(effects.at(0)).status.message().find("virtual host") ==
           absl::string_view::npos;
  }

  static bool Answers(const Effects& effects, uint64_t request) {
    for (const Effect& effect : effects) {
      const auto* reply = std::get_if<Replied>(&effect);
      if (reply != nullptr && reply->request.value == request) return reply->status.ok();
    }
    return false;
  }
};

TEST_F(HostDeletion, AStepRemovesNoMoreThanItsShare) {
  Fill(40, 200);
  Step(DeleteVirtualHost{.request = {7}, .name = kShop});
  EXPECT_FALSE(IsThere());
  EXPECT_GT(QueuesIn(kShop), 30U);
  int steps = 0;
  uint64_t removed = broker_->usage().removed_total;
  while (QueuesIn(kShop) > 0) {
    ASSERT_EQ(broker_->NextDeadline(), kNow) << "the next step is due at once";
    Step(Tick{});
    ++steps;
    EXPECT_LE(broker_->usage().removed_total - removed, 1'000U);
    removed = broker_->usage().removed_total;
    broker_->CheckInvariants();
  }
  EXPECT_GE(steps, 7);
  Step(Tick{});
  EXPECT_EQ(QueuesIn("/"), 40U);
  EXPECT_EQ(broker_->usage().ready_messages, 4'000U);
  EXPECT_EQ(broker_->usage().delayed_messages, 4'000U);
  bool answered = false;
  while (broker_->HasPendingRecords()) answered |= Answers(Commit(), 7);
  EXPECT_TRUE(answered) << "once all is gone, and durably";
}

// After each step in turn: what was durable by then is what the next broker finds.
TEST_F(HostDeletion, GoesOnAfterACrashAtAnyMoment) {
  for (int steps_before = 0; steps_before < 8; ++steps_before) {
    SCOPED_TRACE(steps_before);
    broker_ = std::make_unique<Broker>(BrokerOptions{.seed = 1});
    state_ = {};
    broker_->FinishRecovery(kNow);
    Fill(20, 200);
    Step(DeleteVirtualHost{.request = {7}, .name = kShop});
    for (int i = 0; i < steps_before; ++i) Step(Tick{});
    Commit();
    Crash();
    EXPECT_FALSE(IsThere());
    for (int i = 0; i < 20; ++i) Step(Tick{});
    broker_->CheckInvariants();
    CommitAll();
    Crash();
    EXPECT_EQ(QueuesIn(kShop), 0U);
    EXPECT_EQ(QueuesIn("/"), 20U);
    EXPECT_EQ(broker_->usage().ready_messages, 2'000U);
    ASSERT_EQ(broker_->users().at("anna").permissions.size(), 1U);
    EXPECT_EQ(broker_->users().at("anna").permissions[0].virtual_host, "/");
    // A new one is as new: its producer begins anew, and nothing of the old one is in the store.
    Step(DeclareVirtualHost{.request = {8}, .name = kShop});
    Step(OpenPublisher{.publisher = {1}, .virtual_host = kShop, .producer_id = "billing"});
    const Effects opened = Commit();
    bool told = false;
    for (const Effect& effect : opened) {
      if (const auto* open = std::get_if<PublisherOpened>(&effect)) {
        EXPECT_EQ(open->last_sequence, 0U);
        told = true;
      }
    }
    EXPECT_TRUE(told);
  }
}

TEST_F(HostDeletion, WhoWantsAnotherOneOfItsNameWaits) {
  Fill(20, 200);
  Step(DeleteVirtualHost{.request = {7}, .name = kShop});
  Step(DeclareVirtualHost{.request = {8}, .name = kShop});
  Step(DeleteVirtualHost{.request = {9}, .name = kShop});
  EXPECT_FALSE(IsThere());
  while (QueuesIn(kShop) > 0) Step(Tick{});
  for (int i = 0; i < 3; ++i) Step(Tick{});
  EXPECT_TRUE(IsThere());
  const Effects effects = Commit();
  for (const uint64_t request : {7, 8, 9}) EXPECT_TRUE(Answers(effects, request)) << request;
}

}  // namespace
}  // namespace warren::core
