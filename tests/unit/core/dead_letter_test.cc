#include "server/core/dead_letter.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/core/virtual_host.h"

namespace warren::core {
namespace {

using storage::DeathReason;

class DeadLetterTest : public testing::Test {
 protected:
  Queue MakeQueue(const std::string& name, std::optional<std::string> key = std::nullopt) {
    return Queue({1}, host_, name,
                 {.dead_letter_exchange = "dlx", .dead_letter_routing_key = std::move(key)});
  }

  static storage::MessagePtr NewMessage() {
    auto message = storage::MakeRef<storage::Message>();
    message->exchange = storage::SharedString("orders");
    message->routing_key = storage::SharedString("order.created");
    message->body = storage::SharedString("body");
    message->expiration_ms = 5'000;
    message->priority = 7;
    message->persistent = true;
    message->properties =
        std::make_unique<storage::Properties>(storage::Properties{.message_id = "m"});
    return message;
  }

  VirtualHost host_{"/"};
};

TEST_F(DeadLetterTest, KeepsContentAndDropsTheExpiration) {
  const Queue queue = MakeQueue("work", "gone");
  const storage::MessagePtr message = NewMessage();
  const storage::MessagePtr dead =
      MakeDeadLetter(queue, *message, DeathReason::kRejected, 1'000);
  EXPECT_EQ(dead->exchange.str(), "dlx");
  EXPECT_EQ(dead->routing_key.str(), "gone");
  EXPECT_EQ(dead->body.str(), "body");
  EXPECT_EQ(dead->published_at_ms, 1'000);
  EXPECT_EQ(dead->priority, 7);
  EXPECT_TRUE(dead->persistent);
  EXPECT_EQ(*dead->properties, *message->properties);
  EXPECT_FALSE(dead->expiration_ms.has_value());
  ASSERT_EQ(dead->deaths->deaths.size(), 1U);
  EXPECT_EQ(dead->deaths->deaths[0], (storage::Death{.queue = "work",
                                                     .reason = DeathReason::kRejected,
                                                     .count = 1,
                                                     .first_at_ms = 1'000,
                                                     .exchange = "orders",
                                                     .routing_keys = {"order.created"},
                                                     .original_expiration_ms = 5'000}));
  EXPECT_EQ(message->deaths, nullptr) << "the original is shared with other queues";
}

TEST_F(DeadLetterTest, WithoutKeyTheOldOneStays) {
  const storage::MessagePtr dead =
      MakeDeadLetter(MakeQueue("work"), *NewMessage(), DeathReason::kExpired, 1);
  EXPECT_EQ(dead->routing_key.str(), "order.created");
}

TEST_F(DeadLetterTest, SameQueueAndReasonCountInOneEntryThatMovesToTheFront) {
  const Queue work = MakeQueue("work");
  const Queue wait = MakeQueue("wait");
  storage::MessagePtr message = NewMessage();
  message = MakeDeadLetter(work, *message, DeathReason::kRejected, 1);
  message = MakeDeadLetter(wait, *message, DeathReason::kExpired, 2);
  message = MakeDeadLetter(work, *message, DeathReason::kRejected, 3);
  message = MakeDeadLetter(work, *message, DeathReason::kMaxlen, 4);

  std::vector<std::pair<std::string, DeathReason>> order;
  for (const storage::Death& death : message->deaths->deaths) {
    order.emplace_back(death.queue, death.reason);
  }
  EXPECT_EQ(order, (std::vector<std::pair<std::string, DeathReason>>{
                       {"work", DeathReason::kMaxlen},
                       {"work", DeathReason::kRejected},
                       {"wait", DeathReason::kExpired}}));
  EXPECT_EQ(message->deaths->deaths[1].count, 2U);
  EXPECT_EQ(message->deaths->deaths[1].first_at_ms, 1);
  EXPECT_EQ(message->deaths->first_death_queue, "work");
  EXPECT_EQ(message->deaths->first_death_reason, DeathReason::kRejected);
  EXPECT_EQ(message->deaths->first_death_exchange, "orders");
}

// deaths, newest first       | closes a cycle at q?
// ---------------------------|---------------------
// none                       | no
// expired@q                  | yes
// expired@p                  | no
// expired@p expired@q        | yes
// delivery_limit@q, maxlen@q | yes
// rejected@q                 | no
// rejected@p expired@q       | no
// expired@q rejected@p       | yes: the rejection was before q
// expired@p rejected@q       | no
TEST(ClosesCycle, OnlyIfNobodyRejectedSince) {
  using Deaths = std::vector<std::pair<const char*, DeathReason>>;
  const auto closes = [](const Deaths& deaths) {
    auto message = storage::MakeRef<storage::Message>();
    if (!deaths.empty()) {
      auto history = std::make_unique<storage::DeathHistory>();
      for (const auto& [queue, reason] : deaths) {
        history->deaths.push_back({.queue = queue, .reason = reason, .count = 1});
      }
      message->deaths = std::move(history);
    }
    return ClosesCycle(*message, "q");
  };
  EXPECT_FALSE(closes({}));
  EXPECT_TRUE(closes({{"q", DeathReason::kExpired}}));
  EXPECT_FALSE(closes({{"p", DeathReason::kExpired}}));
  EXPECT_TRUE(closes({{"p", DeathReason::kExpired}, {"q", DeathReason::kExpired}}));
  EXPECT_TRUE(closes({{"q", DeathReason::kDeliveryLimit}}));
  EXPECT_TRUE(closes({{"q", DeathReason::kMaxlen}}));
  EXPECT_FALSE(closes({{"q", DeathReason::kRejected}}));
  EXPECT_FALSE(closes({{"p", DeathReason::kRejected}, {"q", DeathReason::kExpired}}));
  EXPECT_TRUE(closes({{"q", DeathReason::kExpired}, {"p", DeathReason::kRejected}}));
  EXPECT_FALSE(closes({{"p", DeathReason::kExpired}, {"q", DeathReason::kRejected}}));
}

}  // namespace
}  // namespace warren::core
