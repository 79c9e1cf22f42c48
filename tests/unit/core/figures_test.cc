// What the broker counts for metrics: over all, and queue by queue.
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "gtest/gtest.h"
#include "tests/unit/core/small_broker.h"

namespace warren::core {
namespace {

using storage::DeathReason;

class Figures : public SmallBroker {
 protected:
  void Declare(const std::string& name, storage::QueueOptions options = {}) {
    options.durable = false;
    Step(DeclareQueue{{100}, "/", name, options});
  }

  void PublishTo(const std::string& queue, size_t bytes = 10, int64_t delay_ms = 0,
                 bool mandatory = false) {
    Publication publication = NewPublication("", queue);
    publication.message->body = storage::SharedString(std::string(bytes, 'x'));
    publication.delay_ms = delay_ms;
    publication.mandatory = mandatory;
    PublishOne(std::move(publication));
  }

  // The lease's tag.
  DeliveryTag GetFrom(const std::string& queue, bool auto_ack = false) {
    Step(Get{.request = {101}, .virtual_host = "/", .queue = queue, .auto_ack = auto_ack});
    for (const Effect& effect : effects_) {
      if (const auto* replied = std::get_if<Replied>(&effect)) {
        return std::get<GetResult>(replied->result).deliveries.at(0).tag;
      }
    }
    ADD_FAILURE() << "no answer";
    return {};
  }

  void Settle(DeliveryTag tag, SettleOutcome outcome) {
    Step(Ack{.request = {102},
             .virtual_host = "/",
             .consumer_name = "",
             .settlements = {{.tags = {tag}, .outcome = outcome, .retry_delay_ms = 5}}});
  }

  void Wait(int64_t ms) {
    now_ms_ += ms;
    Step(Tick{});
  }

  QueueFigures Of(const std::string& name) const {
    for (const QueueFigures& figures : broker_.MeasureQueues({}, 1'000)) {
      if (figures.name == name) return figures;
    }
    return {};
  }
  const Usage& usage() const { return broker_.usage(); }
};

TEST_F(Figures, BytesFollowMessagesFromStateToState) {
  Declare("q");
  PublishTo("q", 100);
  PublishTo("q", 20);
  PublishTo("q", 3, 500);
  EXPECT_EQ(usage().ready_bytes, 120U);
  EXPECT_EQ(usage().delayed_bytes, 3U);
  const DeliveryTag tag = GetFrom("q");
  EXPECT_EQ(usage().ready_bytes, 20U);
  EXPECT_EQ(usage().unsettled_bytes, 100U);
  EXPECT_EQ(Of("q").unsettled_bytes, 100U);
  EXPECT_EQ(Of("q").delayed_bytes, 3U);
  Settle(tag, SettleOutcome::kAck);
  EXPECT_EQ(usage().unsettled_bytes, 0U);
  broker_.CheckInvariants();
}

TEST_F(Figures, DeliveriesAreToldApart) {
  Declare("q");
  for (int i = 0; i < 6; ++i) PublishTo("q");
  GetFrom("q");
  GetFrom("q", /*auto_ack=*/true);
  Step(Subscribe{.consumer = {7}, .virtual_host = "/", .queue = "q", .prefetch = {.messages = 1}});
  Step(Subscribe{.consumer = {8},
                 .virtual_host = "/",
                 .queue = "q",
                 .prefetch = {.messages = 2},
                 .auto_ack = true});
  EXPECT_EQ(usage().delivered_total, 5U);
  EXPECT_EQ(usage().pulled_total, 2U);
  EXPECT_EQ(usage().pulled_auto_total, 1U);
  EXPECT_EQ(usage().pushed_auto_total, 2U);
  EXPECT_EQ(Of("q").tally.delivered, 5U);
  EXPECT_EQ(Of("q").consumers, 2U);
}

TEST_F(Figures, EndsOfDeliveriesAreCountedByTheConsumersWord) {
  storage::QueueOptions options;
  options.dead_letter_exchange = "";
  options.dead_letter_routing_key = "dead";
  Declare("dead");
  Declare("q", options);
  for (int i = 0; i < 4; ++i) PublishTo("q");
  for (const SettleOutcome outcome : {SettleOutcome::kAck, SettleOutcome::kRequeue,
                                      SettleOutcome::kReject, SettleOutcome::kRetry}) {
    Settle(GetFrom("q"), outcome);
  }
  EXPECT_EQ(usage().acked_total, 1U);
  EXPECT_EQ(usage().settled_requeue_total, 1U);
  EXPECT_EQ(usage().settled_reject_total, 1U);
  EXPECT_EQ(usage().settled_retry_total, 1U);
  const QueueTally tally = Of("q").tally;
  EXPECT_EQ(tally.acked, 1U);
  EXPECT_EQ(tally.requeued, 1U);
  EXPECT_EQ(tally.rejected, 1U);
  EXPECT_EQ(tally.retried, 1U);
  EXPECT_EQ(tally.redelivered, 1U) << "what was requeued came first again";
  EXPECT_EQ(tally.dead_lettered[DeathReason::kRejected], 1U);
  EXPECT_EQ(usage().dead_lettered[DeathReason::kRejected], 1U);
  EXPECT_EQ(Of("dead").tally.published, 1U);
}

TEST_F(Figures, AConsumerThatLeavesRequeues) {
  Declare("q");
  PublishTo("q");
  Step(Subscribe{.consumer = {7}, .virtual_host = "/", .queue = "q"});
  Step(CloseConsumer{{7}});
  EXPECT_EQ(usage().settled_requeue_total, 1U);
}

TEST_F(Figures, WhatLeavesWithoutADeadLetterExchangeIsDropped) {
  storage::QueueOptions options;
  options.message_ttl_ms = 10;
  Declare("q", options);
  PublishTo("q");
  Wait(20);
  EXPECT_EQ(usage().expired_total, 1U);
  EXPECT_EQ(usage().dropped[DeathReason::kExpired], 1U);
  EXPECT_EQ(usage().dead_lettered[DeathReason::kExpired], 0U);
  PublishTo("q");
  Step(PurgeQueue{{103}, "/", "q"});
  EXPECT_EQ(usage().purged_total, 1U);
  PublishTo("q");
  Step(DeleteQueue{{104}, "/", "q"});
  EXPECT_EQ(usage().removed_total, 2U);
  EXPECT_EQ(usage().purged_total, 1U);
}

TEST_F(Figures, RoutedAndUnroutableMessagesAreAllThatWerePublished) {
  Declare("q");
  PublishTo("q");
  PublishTo("nowhere");
  PublishTo("nowhere", 10, 0, /*mandatory=*/true);
  EXPECT_EQ(usage().routed_total, 1U);
  EXPECT_EQ(usage().unroutable_total, 2U);
  EXPECT_EQ(usage().returned_total, 1U);
}

TEST_F(Figures, QueuesComeAndGo) {
  Declare("a");
  Declare("a");
  Declare("b");
  Step(DeclareQueue{{100}, "/", "a", std::nullopt});  // passive: only looks
  Step(DeleteQueue{{104}, "/", "b"});
  EXPECT_EQ(usage().queues_declared_total, 3U);
  EXPECT_EQ(usage().queues_created_total, 2U);
  EXPECT_EQ(usage().queues_deleted_total, 1U);
}

TEST_F(Figures, TimesAreSpread) {
  Declare("q");
  PublishTo("q", 1'000);
  PublishTo("q", 1'000, /*delay_ms=*/40);
  Wait(30);
  const DeliveryTag tag = GetFrom("q");
  Wait(70);  // the delayed one is 60 ms late
  Settle(tag, SettleOutcome::kAck);
  EXPECT_EQ(usage().message_bytes.sum, 2'000U);
  EXPECT_EQ(usage().wait_ms.sum, 30U);
  EXPECT_EQ(usage().settle_ms.sum, 70U);
  EXPECT_EQ(usage().lateness_ms.sum, 60U);
}

TEST_F(Figures, TheHeadsAgeBeginsAnewWhenItComesBack) {
  Declare("q");
  EXPECT_EQ(Of("q").head_ready_since_ms, std::nullopt);
  PublishTo("q");
  const int64_t published_ms = now_ms_;
  Wait(30);
  EXPECT_EQ(Of("q").head_ready_since_ms, published_ms);
  Settle(GetFrom("q"), SettleOutcome::kRequeue);
  EXPECT_EQ(Of("q").head_ready_since_ms, now_ms_);
}

TEST_F(Figures, ASurveyInPartsSeesWhatOneInOneGoSees) {
  for (int i = 0; i < 25; ++i) {
    const std::string name = "q" + std::to_string(i);
    Declare(name);
    if (i % 5 != 0) continue;
    PublishTo(name);
    now_ms_ += 10;
    if (i % 10 == 0) Step(Subscribe{.consumer = {1'000U + i},
                                    .virtual_host = "/",
                                    .queue = name,
                                    .prefetch = {.messages = 1}});
    PublishTo(name);
  }
  QueueSurvey whole;
  broker_.Survey(whole, 1'000);
  EXPECT_TRUE(whole.done);
  EXPECT_EQ(whole.nonempty_without_consumers, 2U);
  EXPECT_EQ(whole.oldest_head_since_ms, 1'000'010);
  QueueSurvey parts;
  int calls = 0;
  while (!parts.done) {
    broker_.Survey(parts, 4);
    ++calls;
  }
  EXPECT_EQ(calls, 7);
  EXPECT_EQ(parts.nonempty_without_consumers, whole.nonempty_without_consumers);
  EXPECT_EQ(parts.oldest_head_since_ms, whole.oldest_head_since_ms);
}

TEST_F(Figures, QueuesArePagedById) {
  for (const char* name : {"a", "b", "c"}) Declare(name);
  const std::vector<QueueFigures> first = broker_.MeasureQueues({}, 2);
  ASSERT_EQ(first.size(), 2U);
  const std::vector<QueueFigures> rest = broker_.MeasureQueues(first.back().id, 2);
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest.front().name, "c");
  EXPECT_TRUE(broker_.MeasureQueues(rest.front().id, 2).empty());
}

}  // namespace
}  // namespace warren::core
