#include "server/runtime/flow_control.h"

#include <gtest/gtest.h>

namespace warren::runtime {
namespace {

constexpr FlowLimits kLimits{.pending_records = 100,
                             .pending_body_bytes = 1000,
                             .memory_bytes = 8000,
                             .announce_after_ms = 100};

core::Usage Pending(uint64_t records, uint64_t bytes = 0) {
  return {.pending_records = records, .pending_body_bytes = bytes};
}

TEST(FlowControl, HoldsAboveTheMarkUntilHalfOfIt) {
  FlowControl flow(kLimits);
  flow.Update(0, Pending(100));
  EXPECT_FALSE(flow.held());
  EXPECT_TRUE(flow.Update(0, Pending(101)));
  EXPECT_TRUE(flow.held());
  flow.Update(0, Pending(51));
  EXPECT_TRUE(flow.held());
  EXPECT_TRUE(flow.Update(0, Pending(50)));
  EXPECT_FALSE(flow.held());
  flow.Update(0, Pending(1, 1001));
  EXPECT_TRUE(flow.held());
  flow.Update(0, Pending(1, 500));
  EXPECT_FALSE(flow.held());
}

TEST(FlowControl, ABusyJournalIsAnnouncedOnlyIfItLasts) {
  FlowControl flow(kLimits);
  flow.Update(1000, Pending(101));
  EXPECT_EQ(flow.announced().reason, HoldReason::kNone);
  EXPECT_EQ(flow.NextDeadline(), 1100);
  flow.Update(1099, Pending(101));
  EXPECT_EQ(flow.announced().reason, HoldReason::kNone);
  EXPECT_TRUE(flow.Update(1100, Pending(101)));
  EXPECT_EQ(flow.announced().reason, HoldReason::kJournalBusy);
  EXPECT_FALSE(flow.announced().message.empty());
  EXPECT_EQ(flow.NextDeadline(), std::nullopt);
  EXPECT_TRUE(flow.Update(1101, Pending(0)));
  EXPECT_EQ(flow.announced().reason, HoldReason::kNone);
}

TEST(FlowControl, AShortBusyPhaseIsNeverAnnounced) {
  FlowControl flow(kLimits);
  flow.Update(0, Pending(101));
  flow.Update(50, Pending(0));
  EXPECT_EQ(flow.NextDeadline(), std::nullopt);
  flow.Update(60, Pending(101));
  flow.Update(120, Pending(101));
  EXPECT_EQ(flow.announced().reason, HoldReason::kNone);
  EXPECT_EQ(flow.NextDeadline(), 160);
}

TEST(FlowControl, HoldsWhileTheStoreMayBeAnothersAndLooksAgainSoon) {
  FlowControl flow(kLimits);
  flow.SetOwned(false);
  EXPECT_TRUE(flow.Update(1000, {}));
  EXPECT_EQ(flow.announced().reason, HoldReason::kStorage);
  EXPECT_NE(flow.announced().message.find("lease"), std::string::npos);
  EXPECT_TRUE(flow.holds_settling());
  EXPECT_EQ(flow.NextDeadline(), 1100);
  flow.Update(1100, {});
  EXPECT_EQ(flow.NextDeadline(), 1200);
  flow.SetOwned(true);
  EXPECT_TRUE(flow.Update(1150, {}));
  EXPECT_FALSE(flow.held());
  EXPECT_EQ(flow.NextDeadline(), std::nullopt);
}

TEST(FlowControl, MemoryIsAnnouncedAtOnceAndFreedBelowFifteenSixteenths) {
  FlowControl flow(kLimits);
  EXPECT_TRUE(flow.Update(0, {.memory_bytes = 8001}));
  EXPECT_EQ(flow.announced().reason, HoldReason::kMemory);
  EXPECT_NE(flow.announced().message.find("8000"), std::string::npos);
  flow.Update(0, {.memory_bytes = 7501});
  EXPECT_TRUE(flow.held());
  flow.Update(0, {.memory_bytes = 7500});
  EXPECT_FALSE(flow.held());
}

TEST(FlowControl, TheMostUrgentReasonCounts) {
  FlowControl flow(kLimits);
  const core::Usage full{.memory_bytes = 9000, .pending_records = 101};
  flow.Update(0, full);
  EXPECT_EQ(flow.reason(), HoldReason::kMemory);
  flow.SetDiskLow("the disk of /data has 7 bytes left");
  flow.Update(0, full);
  EXPECT_EQ(flow.announced().reason, HoldReason::kDisk);
  EXPECT_EQ(flow.announced().message, "the disk of /data has 7 bytes left");
  flow.SetStalled("no space left on device");
  flow.Update(0, full);
  EXPECT_EQ(flow.announced().reason, HoldReason::kStorage);
  EXPECT_NE(flow.announced().message.find("no space left"), std::string::npos);
  flow.SetShuttingDown();
  flow.Update(0, full);
  EXPECT_EQ(flow.reason(), HoldReason::kShuttingDown);
  flow.ClearStalled();
  flow.Update(0, {});
  EXPECT_EQ(flow.reason(), HoldReason::kShuttingDown);
}

TEST(FlowControl, TransactionsThatSettleWaitForTheJournalAlone) {
  FlowControl flow(kLimits);
  flow.Update(0, {.memory_bytes = 9000});
  EXPECT_TRUE(flow.held() && !flow.holds_settling());
  flow.SetDiskLow("the disk of /data has 7 bytes left");
  flow.Update(0, {});
  EXPECT_TRUE(flow.held() && !flow.holds_settling()) << "settling makes room";
  flow.ClearDiskLow();
  flow.Update(0, Pending(101));
  EXPECT_TRUE(flow.holds_settling());
  flow.SetStalled("no space left on device");
  flow.Update(0, {});
  EXPECT_TRUE(flow.holds_settling());
  flow.SetShuttingDown();
  flow.Update(0, {});
  EXPECT_TRUE(flow.held() && !flow.holds_settling());
}

TEST(FlowControl, TheTimeThatPublishersAreHeldAddsUp) {
  FlowControl flow(kLimits);
  EXPECT_EQ(flow.held_ms(1'000), 0);
  flow.Update(1'000, {.memory_bytes = 9000});
  EXPECT_EQ(flow.held_ms(1'200), 200) << "while it lasts";
  flow.SetStalled("no space left on device");
  flow.Update(1'300, {.memory_bytes = 9000});  // for another reason, without a pause
  flow.ClearStalled();
  flow.Update(1'500, {});
  EXPECT_EQ(flow.held_ms(9'000), 500);
  flow.Update(10'000, {.memory_bytes = 9000});
  EXPECT_EQ(flow.held_ms(10'100), 600);
}

TEST(FlowControl, StorageTroubleIsToldWhateverElseHoldsPublishers) {
  FlowControl flow(kLimits);
  EXPECT_EQ(flow.StorageTrouble(), "");
  flow.SetShuttingDown();
  flow.SetOwned(false);
  flow.Update(0, {});
  EXPECT_EQ(flow.reason(), HoldReason::kShuttingDown);
  EXPECT_NE(flow.StorageTrouble().find("lease"), std::string::npos);
  flow.SetStalled("the server is gone");
  EXPECT_EQ(flow.StorageTrouble(), "the server is gone");
}

TEST(FlowControl, ReasonsHaveTheNamesOfTheApi) {
  EXPECT_EQ(HoldReasonName(HoldReason::kJournalBusy), "JOURNAL_BUSY");
  EXPECT_EQ(HoldReasonName(HoldReason::kMemory), "MEMORY");
  EXPECT_EQ(HoldReasonName(HoldReason::kDisk), "DISK");
  EXPECT_EQ(HoldReasonName(HoldReason::kStorage), "STORAGE");
  EXPECT_EQ(HoldReasonName(HoldReason::kShuttingDown), "SHUTTING_DOWN");
}

}  // namespace
}  // namespace warren::runtime
