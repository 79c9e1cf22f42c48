#include "server/core/ledger.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/contract/records.h"

namespace warren::core {
namespace {

using Left = Ledger::Left;

constexpr PublisherId kPublisher{7};
constexpr storage::QueueId kQueue{1};
constexpr storage::QueueId kOther{2};

class LedgerTest : public testing::Test {
 protected:
  // A persistent message in these queues, published under this sequence.
  QueuedMessage& Publish(uint64_t sequence, std::vector<storage::QueueId> queues = {kQueue}) {
    QueuedMessage& message = messages_.emplace_back();
    message.id = {sequence};
    message.message = storage::MessageWithBody("body");
    message.body_bytes = 4;
    std::vector<storage::EntryFacts> facts;
    for (const storage::QueueId queue : queues) facts.push_back({.queue = queue});
    ledger_.Publish(message, std::move(facts), {.publisher = kPublisher, .sequence = sequence});
    return message;
  }

  // Ends the step; the sequences that are confirmed, and "reply N".
  std::vector<std::string> Released() {
    ledger_.EndStep();
    std::vector<std::string> released;
    for (const Waiting& waiting : ledger_.TakeReleased()) {
      const auto& effect = std::get<Effect>(waiting);
      if (const auto* confirmed = std::get_if<Confirmed>(&effect)) {
        released.push_back(
            absl::StrCat(confirmed->first_sequence, "-", confirmed->last_sequence));
      } else {
        released.push_back(absl::StrCat("reply ", std::get<Replied>(effect).request.value));
      }
    }
    return released;
  }

  void WaitForReply(uint64_t request) {
    ledger_.Wait(Effect(Replied{.request = {request}, .status = absl::OkStatus(), .result = {}}));
  }

  using Texts = std::vector<std::string>;
  std::deque<QueuedMessage> messages_;  // never move
  Ledger ledger_;
};

TEST_F(LedgerTest, ConfirmWaitsForItsBatchAndCarriesRanges) {
  Publish(1);
  Publish(2);
  EXPECT_EQ(Released(), Texts{});
  const storage::Batch first = ledger_.Take();
  EXPECT_EQ(first.lsn, storage::Lsn{1});
  EXPECT_EQ(first.records.size(), 2U);
  EXPECT_EQ(first.bytes, 8U);
  Publish(3);
  const storage::Batch second = ledger_.Take();
  EXPECT_EQ(second.lsn, storage::Lsn{2});
  EXPECT_EQ(ledger_.in_flight(), 2U);
  EXPECT_EQ(Released(), Texts{});
  ledger_.Durable(first.lsn);
  EXPECT_EQ(Released(), Texts{"1-2"});
  ledger_.Durable(first.lsn);  // repeated
  EXPECT_EQ(Released(), Texts{});
  ledger_.Durable(second.lsn);
  EXPECT_EQ(Released(), Texts{"3-3"});
  EXPECT_EQ(ledger_.in_flight(), 0U);
}

TEST_F(LedgerTest, MessageThatCameAndWentIsNeverWritten) {
  QueuedMessage& message = Publish(1, {kQueue, kOther});
  ledger_.RemoveEntry(message, kQueue, Left::kForGood);
  EXPECT_EQ(Released(), Texts{}) << "the other queue still has it";
  ledger_.RemoveEntry(message, kOther, Left::kForGood);
  EXPECT_EQ(Released(), Texts{"1-1"});
  EXPECT_FALSE(ledger_.HasPending());
  EXPECT_EQ(ledger_.pending_records(), 0U);
  EXPECT_EQ(ledger_.pending_bytes(), 0U);
}

TEST_F(LedgerTest, WhatIsLeftOfAMessageIsWritten) {
  QueuedMessage& message = Publish(1, {kQueue, kOther});
  ledger_.UpdateEntry(message, {.queue = kOther, .delivery_count = 3});
  ledger_.RemoveEntry(message, kQueue, Left::kForGood);
  const storage::Batch batch = ledger_.Take();
  ASSERT_EQ(batch.records.size(), 1U);
  const auto& record = std::get<storage::MessagePublished>(batch.records[0]);
  ASSERT_EQ(record.entries.size(), 1U);
  EXPECT_EQ(record.entries[0], (storage::EntryFacts{.queue = kOther, .delivery_count = 3}));
}

TEST_F(LedgerTest, OnceItsBatchHasLeftSettlementsAreRecords) {
  QueuedMessage& message = Publish(1, {kQueue, kOther});
  ledger_.Take();
  ledger_.RemoveEntry(message, kQueue, Left::kForGood);
  ledger_.RemoveEntry(message, kOther, Left::kForGood);
  const storage::Batch batch = ledger_.Take();
  ASSERT_EQ(batch.records.size(), 2U);
  EXPECT_FALSE(std::get<storage::EntryRemoved>(batch.records[0]).last);
  EXPECT_TRUE(std::get<storage::EntryRemoved>(batch.records[1]).last);
}

TEST_F(LedgerTest, ConfirmWaitsIfTheMessageLeftForElsewhere) {
  QueuedMessage& message = Publish(1);
  ledger_.RemoveEntry(message, kQueue, Left::kElsewhere);
  ledger_.Append(storage::QueueDeleted{kQueue});  // stands for the dead letter's record
  EXPECT_EQ(Released(), Texts{});
  ledger_.Durable(ledger_.Take().lsn);
  EXPECT_EQ(Released(), Texts{"1-1"});
}

// One queue dead-letters it, and then the other one is done with it for good.
TEST_F(LedgerTest, ConfirmWaitsIfAnyEntryLeftForElsewhere) {
  QueuedMessage& message = Publish(1, {kQueue, kOther});
  ledger_.RemoveEntry(message, kQueue, Left::kElsewhere);
  ledger_.Append(storage::QueueDeleted{kQueue});
  ledger_.RemoveEntry(message, kOther, Left::kForGood);
  EXPECT_EQ(Released(), Texts{});
  ledger_.Durable(ledger_.Take().lsn);
  EXPECT_EQ(Released(), Texts{"1-1"});
}

TEST_F(LedgerTest, AnswerWaitsForAllThatCameBefore) {
  WaitForReply(1);
  EXPECT_EQ(Released(), Texts{"reply 1"}) << "there is nothing to wait for";
  ledger_.Append(storage::QueueDeleted{kQueue});
  WaitForReply(2);
  EXPECT_EQ(Released(), Texts{});
  const storage::Lsn lsn = ledger_.Take().lsn;
  WaitForReply(3);  // rests on the batch in flight
  EXPECT_EQ(Released(), Texts{});
  EXPECT_FALSE(ledger_.HasPending());
  ledger_.Durable(lsn);
  EXPECT_EQ(Released(), (Texts{"reply 2", "reply 3"}));
}

TEST_F(LedgerTest, ProducerHasOneRecordABatchWithItsLatestSequence) {
  Producer producer{.virtual_host = "/", .id = "billing"};
  for (const uint64_t sequence : {1, 2, 3}) {
    producer.last_sequence = sequence;
    ledger_.AdvanceProducer(producer, /*now_ms=*/10);
  }
  const storage::Batch first = ledger_.Take();
  ASSERT_EQ(first.records.size(), 1U);
  EXPECT_EQ(std::get<storage::ProducerAdvanced>(first.records[0]).last_sequence, 3U);
  producer.last_sequence = 4;
  ledger_.AdvanceProducer(producer, /*now_ms=*/11);
  const storage::Batch second = ledger_.Take();
  ASSERT_EQ(second.records.size(), 1U);
  EXPECT_EQ(std::get<storage::ProducerAdvanced>(second.records[0]).last_sequence, 4U);
}

TEST_F(LedgerTest, ProducersRecordHoldsAllThatWasRefusedUntilTheBatchLeaves) {
  Producer producer{.virtual_host = "/", .id = "billing", .last_sequence = 3};
  producer.refused.Add(1);
  ledger_.AdvanceProducer(producer, /*now_ms=*/10);
  producer.refused.Add(3);
  const storage::Batch batch = ledger_.Take();
  ASSERT_EQ(batch.records.size(), 1U);
  EXPECT_EQ(std::get<storage::ProducerAdvanced>(batch.records[0]).refused,
            (std::vector<storage::SequenceRun>{{1, 1}, {3, 3}}));
}

TEST_F(LedgerTest, ForgottenProducerIsNotLookedAtAgain) {
  Producer producer{.virtual_host = "/", .id = "billing"};
  ledger_.AdvanceProducer(producer, /*now_ms=*/10);
  ledger_.ForgetProducer(producer);
  producer.refused.Add(1);
  const storage::Batch batch = ledger_.Take();
  ASSERT_EQ(batch.records.size(), 2U);
  EXPECT_TRUE(std::get<storage::ProducerAdvanced>(batch.records[0]).refused.empty());
  EXPECT_EQ(std::get<storage::ProducerForgotten>(batch.records[1]).producer_id, "billing");
}

}  // namespace
}  // namespace warren::core
