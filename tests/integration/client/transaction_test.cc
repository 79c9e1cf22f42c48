#include "warren/client/transaction.h"

#include "tests/integration/client/fixture.h"

namespace warren::client {
namespace {

using ::testing::ElementsAre;

using TransactionTest = ClientTest;

TEST_F(TransactionTest, ConsumesAndPublishesInOneStep) {
  DeclareQueue("in");
  DeclareQueue("out");
  PublishAll("in", {"raw"});
  {
    const auto consumer = Subscribe("in");
    const auto delivery = Take(*consumer, 1);
    Transaction transaction(*connection_);
    transaction.Publish(To("out", "cooked"));
    transaction.Ack(consumer->name(), delivery[0].delivery_tag());
    EXPECT_EQ(CountOf("out"), 0u);
    const absl::Status committed = transaction.Commit();
    ASSERT_TRUE(committed.ok()) << committed;
    EXPECT_TRUE(transaction.empty());
  }
  EXPECT_EQ(CountOf("in"), 0u);
  const auto out = Subscribe("out");
  EXPECT_THAT(BodiesOf(Take(*out, 1)), ElementsAre("cooked"));
}

TEST_F(TransactionTest, ABadEntryChangesNothing) {
  DeclareQueue("out");
  Transaction transaction(*connection_);
  transaction.Publish(To("out", "fine"));
  transaction.Ack("no such consumer", 1);
  EXPECT_FALSE(transaction.Commit().ok());
  EXPECT_FALSE(transaction.empty());
  EXPECT_EQ(CountOf("out"), 0u);
}

TEST_F(TransactionTest, RollbackThrowsTheBufferAway) {
  DeclareQueue("out");
  Transaction transaction(*connection_);
  transaction.Publish(To("out", "never mind"));
  transaction.Rollback();
  EXPECT_TRUE(transaction.empty());
  transaction.Publish(To("out", "this one"));
  ASSERT_TRUE(transaction.Commit().ok());
  EXPECT_EQ(CountOf("out"), 1u);
}

TEST_F(TransactionTest, TheSameSequenceTakesEffectOnce) {
  DeclareQueue("out");
  for (int attempt = 0; attempt < 2; ++attempt) {
    Transaction transaction(*connection_,
                            {.virtual_host = "", .producer_id = "billing", .sequence = 1});
    transaction.Publish(To("out", "once"));
    const absl::Status committed = transaction.Commit();
    ASSERT_TRUE(committed.ok()) << committed;
  }
  EXPECT_EQ(CountOf("out"), 1u);
}

}  // namespace
}  // namespace warren::client
