#include "storage/live_state.h"

#include <vector>

#include "gtest/gtest.h"
#include "tests/contract/records.h"

namespace warren::storage {
namespace {

// A journal that doesn't know whether a batch took effect writes it again.
TEST(LiveState, BatchAppliedTwiceInARowCountsOnce) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(SeedTrace(seed));
  History history(seed);
  LiveState once;
  LiveState twice;
  for (int i = 0; i < 300; ++i) {
    const Batch batch = history.Next();
    once.Apply(batch);
    twice.Apply(batch);
    twice.Apply(batch);
    ASSERT_TRUE(SameState(Emitted(twice), Emitted(once))) << "after batch " << i;
  }
}

// What is emitted is itself a history with the same outcome.
TEST(LiveState, AppliedToAnEmptyOneWhatIsEmittedGivesTheSame) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(SeedTrace(seed));
  History history(seed);
  LiveState state;
  for (int i = 0; i < 200; ++i) state.Apply(history.Next());
  const std::vector<Record> emitted = Emitted(state);
  EXPECT_TRUE(InPromisedOrder(emitted));
  LiveState copy;
  for (const Record& record : emitted) copy.Apply(record);
  EXPECT_TRUE(SameState(Emitted(copy), emitted));
}

TEST(LiveState, LetsGoOfABodyWithItsLastEntry) {
  const MessagePtr message = MessageWithBody("body");
  LiveState state;
  state.Apply(MessagePublished{{1}, message, {{.queue = {2}}, {.queue = {3}}}});
  state.Apply(EntryRemoved{{1}, {2}, false});
  EXPECT_EQ(Emitted(state).size(), 1u);
  state.Apply(EntryRemoved{{1}, {3}, false});
  EXPECT_TRUE(Emitted(state).empty());
}

}  // namespace
}  // namespace warren::storage
