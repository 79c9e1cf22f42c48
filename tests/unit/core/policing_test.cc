// A policy reaches what is there a little at each step, and after a crash at any moment.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/unit/core/crashing_broker.h"

namespace warren::core {
namespace {

constexpr RequestId kPut{7};

class Policing : public CrashingBroker {
 protected:
  void DeclareQueues(int queues) {
    for (int i = 0; i < queues; ++i) {
      Step(DeclareQueue{.request = {4},
                        .virtual_host = "/",
                        .name = absl::StrCat("q", i),
                        .options = storage::QueueOptions{.durable = true}});
    }
  }

  void PublishTo(const std::string& queue, int messages) {
    Step(OpenPublisher{.publisher = {++last_id_}, .virtual_host = "/"});
    std::vector<Publication> publications(messages);
    for (Publication& publication : publications) {
      auto message = storage::MakeRef<storage::Message>();
      message->routing_key = storage::SharedString(queue);
      message->persistent = true;
      publication.message = std::move(message);
    }
    Step(Publish{.publisher = {last_id_}, .first_sequence = 1,
                 .publications = std::move(publications)});
  }

  static storage::Policy MaxLength(uint64_t max_length, std::string pattern = "^q") {
    return {.virtual_host = "/",
            .name = "short",
            .pattern = std::move(pattern),
            .queue = {.max_length = max_length}};
  }

  size_t QueuesWith(uint64_t max_length) const {
    const std::vector<QueueView> queues = broker_->ListQueues();
    return std::count_if(queues.begin(), queues.end(), [max_length](const QueueView& queue) {
      return queue.options.max_length == max_length;
    });
  }

  static bool Answers(const Effects& effects, RequestId request, absl::StatusCode code) {
    return std::any_of(effects.begin(), effects.end(), [&](const Effect& effect) {
      const auto* reply = std::get_if<Replied>(&effect);
      return reply != nullptr && reply->request == request && reply->status.code() == code;
    });
  }
};

TEST_F(Policing, AStepReachesNoMoreThanItsShareAndTheAnswerComesLast) {
  DeclareQueues(3'500);
  Commit();
  Step(PutPolicy{.request = kPut, .policy = MaxLength(5)});
  EXPECT_LE(QueuesWith(5), 1'000U);
  EXPECT_FALSE(Answers(Commit(), kPut, absl::StatusCode::kOk)) << "not all queues go by it";
  // What is declared meanwhile goes by it at once.
  Step(DeclareQueue{.request = {5}, .virtual_host = "/", .name = "q-new",
                    .options = storage::QueueOptions{.max_length = 9}});
  size_t reached = QueuesWith(5);
  int steps = 0;
  Effects last;
  while (broker_->NextDeadline()) {
    ASSERT_EQ(broker_->NextDeadline(), kNow) << "the next step is due at once";
    last = Step(Tick{});
    EXPECT_LE(QueuesWith(5) - reached, 1'000U);
    reached = QueuesWith(5);
    ASSERT_LT(++steps, 10);
  }
  EXPECT_EQ(reached, 3'501U);
  while (broker_->HasPendingRecords()) {
    for (Effect& effect : Commit()) last.push_back(std::move(effect));
  }
  EXPECT_TRUE(Answers(last, kPut, absl::StatusCode::kOk));
}

TEST_F(Policing, AStepDropsNoMoreThanItsShare) {
  DeclareQueues(1);
  PublishTo("q0", 5'000);
  Commit();
  Step(PutPolicy{.request = kPut, .policy = MaxLength(10)});
  EXPECT_GE(broker_->usage().ready_messages, 4'000U);
  EXPECT_LT(broker_->usage().ready_messages, 5'000U);
}

TEST_F(Policing, ANewMessageDoesNotHaveTheRestDroppedAtOnce) {
  DeclareQueues(1);
  PublishTo("q0", 5'000);
  Commit();
  Step(PutPolicy{.request = kPut, .policy = MaxLength(10)});
  uint64_t ready = broker_->usage().ready_messages;
  PublishTo("q0", 1);
  // OpenPublisher and Publish are steps of their own.
  EXPECT_GE(broker_->usage().ready_messages, ready - 2'000);
  for (int steps = 0; broker_->NextDeadline() && steps < 20; ++steps) Step(Tick{});
  EXPECT_EQ(broker_->usage().ready_messages, 10U);
  EXPECT_EQ(broker_->usage().overflowed_total, 4'991U);
}

TEST_F(Policing, AnotherChangeBeginsAnewAndAnswersBoth) {
  DeclareQueues(1'500);
  Commit();
  Step(PutPolicy{.request = kPut, .policy = MaxLength(5)});
  Step(PutPolicy{.request = {8}, .policy = MaxLength(6)});
  Effects effects;
  for (int steps = 0; broker_->NextDeadline() && steps < 20; ++steps) {
    for (Effect& effect : Step(Tick{})) effects.push_back(std::move(effect));
  }
  while (broker_->HasPendingRecords()) {
    for (Effect& effect : Commit()) effects.push_back(std::move(effect));
  }
  EXPECT_EQ(QueuesWith(6), 1'500U);
  EXPECT_TRUE(Answers(effects, kPut, absl::StatusCode::kOk));
  EXPECT_TRUE(Answers(effects, {8}, absl::StatusCode::kOk));
}

TEST_F(Policing, ACrashOnTheWayLeavesAllOrNothing) {
  DeclareQueues(1'500);
  Commit();
  Step(PutPolicy{.request = kPut, .policy = MaxLength(5)});
  Crash();
  EXPECT_EQ(QueuesWith(5), 0U) << "it wasn't durable";
  Step(PutPolicy{.request = kPut, .policy = MaxLength(5)});
  Commit();
  Crash();
  EXPECT_EQ(QueuesWith(5), 1'500U);
  Step(DeletePolicy{.request = {8}, .virtual_host = "/", .name = "short"});
  Commit();
  Crash();
  EXPECT_EQ(QueuesWith(5), 0U);
}

TEST_F(Policing, ItsVirtualHostTakesItAlong) {
  Step(DeclareVirtualHost{.request = {1}, .name = "shop"});
  Commit();
  storage::Policy policy = MaxLength(5);
  policy.virtual_host = "shop";
  DeclareQueues(1'500);
  Commit();
  Step(PutPolicy{.request = kPut, .policy = policy});
  const Effects effects = Step(DeleteVirtualHost{.request = {8}, .name = "shop"});
  EXPECT_TRUE(Answers(effects, kPut, absl::StatusCode::kNotFound));
  for (int steps = 0; broker_->NextDeadline() && steps < 20; ++steps) Step(Tick{});
  while (broker_->HasPendingRecords()) Commit();
  Step(DeclareVirtualHost{.request = {9}, .name = "shop"});
  Commit();
  EXPECT_EQ(broker_->PolicyOf("shop", "short"), nullptr);
  Crash();
  EXPECT_EQ(broker_->PolicyOf("shop", "short"), nullptr);
}

TEST_F(Policing, ListsInPages) {
  Step(DeclareVirtualHost{.request = {1}, .name = "shop"});
  for (const char* host : {"/", "shop"}) {
    for (const char* name : {"b", "a", "c"}) {
      storage::Policy policy = MaxLength(5);
      policy.virtual_host = host;
      policy.name = name;
      Step(PutPolicy{.request = kPut, .policy = policy});
    }
  }
  std::vector<std::string> found;
  PolicyPlace place;
  for (int parts = 0; parts < 20; ++parts) {
    const auto part = broker_->WalkPolicies(
        place, {.items = 2, .looks = 3},
        [](const std::string&, const std::string& name) { return name != "b"; });
    EXPECT_LE(part.items.size(), 2U);
    for (const storage::Policy& policy : part.items) found.push_back(policy.virtual_host + policy.name);
    place = part.last;
    if (part.done) break;
  }
  EXPECT_EQ(found, (std::vector<std::string>{"/a", "/c", "shopa", "shopc"}));
}

}  // namespace
}  // namespace warren::core
