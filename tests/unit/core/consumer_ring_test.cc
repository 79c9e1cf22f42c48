#include <deque>
#include <map>
#include <vector>

#include "gtest/gtest.h"
#include "server/core/consumer.h"
#include "tests/contract/records.h"

namespace warren::core {
namespace {

std::deque<Consumer> OpenConsumers(size_t count) {
  std::deque<Consumer> consumers(count);
  for (size_t i = 0; i < count; ++i) {
    consumers[i].id = {i + 1};
    consumers[i].open = true;
  }
  return consumers;
}

TEST(ConsumerRing, ServesInTurn) {
  std::deque<Consumer> consumers = OpenConsumers(3);
  ConsumerRing ring;
  for (Consumer& consumer : consumers) ring.Update(consumer, /*served=*/false);
  std::vector<uint64_t> served;
  for (int i = 0; i < 6; ++i) {
    Consumer* next = ring.NextWithRoomFor(1);
    served.push_back(next->id.value);
    ring.Update(*next, /*served=*/true);
  }
  EXPECT_EQ(served, (std::vector<uint64_t>{1, 2, 3, 1, 2, 3}));
}

TEST(ConsumerRing, WhoHasNoRoomIsPassedOverAndKeepsItsTurn) {
  std::deque<Consumer> consumers = OpenConsumers(2);
  Entry held;
  consumers[0].by_tag.emplace(1, &held);
  consumers[0].unsettled_bytes = 90;
  consumers[0].prefetch.bytes = 100;
  ConsumerRing ring;
  for (Consumer& consumer : consumers) ring.Update(consumer, /*served=*/false);
  Consumer* next = ring.NextWithRoomFor(50);
  ASSERT_EQ(next, &consumers[1]);
  ring.Update(*next, /*served=*/true);
  EXPECT_EQ(ring.NextWithRoomFor(5), &consumers[0]);
}

TEST(ConsumerRing, NobodyWhenNobodyHasRoom) {
  ConsumerRing ring;
  EXPECT_EQ(ring.NextWithRoomFor(0), nullptr);
  std::deque<Consumer> consumers = OpenConsumers(1);
  Entry held;
  consumers[0].by_tag.emplace(1, &held);
  consumers[0].unsettled_bytes = 1;
  consumers[0].prefetch.bytes = 2;
  ring.Update(consumers[0], /*served=*/false);
  EXPECT_EQ(ring.NextWithRoomFor(2), nullptr);
  EXPECT_FALSE(ring.empty());
}

// Goal: the ring holds exactly those that want more, and nobody is served twice while another who
// wants more waits. Method: consumers drain and return at random; between two servings of one, each
// that stayed in the ring all the time was served.
TEST(ConsumerRing, NobodyWhoWantsMoreIsOvertakenTwice) {
  const uint64_t seed = storage::TestSeed();
  SCOPED_TRACE(storage::SeedTrace(seed));
  storage::Random random(seed);

  std::deque<Consumer> consumers = OpenConsumers(6);
  ConsumerRing ring;
  for (Consumer& consumer : consumers) ring.Update(consumer, /*served=*/false);
  std::map<Consumer*, std::map<Consumer*, int>> overtaken;  // how often, by whom, since its turn
  for (int step = 0; step < 20'000; ++step) {
    if (random() % 4 == 0) {
      Consumer& consumer = consumers[random() % consumers.size()];
      consumer.draining = !consumer.draining;
      ring.Update(consumer, /*served=*/false);
      overtaken[&consumer].clear();
    } else if (Consumer* next = ring.NextWithRoomFor(1)) {
      ring.Update(*next, /*served=*/true);
      overtaken[next].clear();
      for (Consumer& other : consumers) {
        if (&other == next || !other.WantsMore()) continue;
        ASSERT_LE(++overtaken[&other][next], 1) << "consumer " << other.id.value;
      }
    }
    bool any = false;
    for (Consumer& consumer : consumers) {
      ASSERT_EQ(consumer.ring_next != nullptr, consumer.WantsMore());
      any |= consumer.WantsMore();
    }
    ASSERT_EQ(ring.empty(), !any);
  }
}

TEST(Consumer, OneOversizeMessagePassesWhenNothingElseIsUnsettled) {
  Consumer consumer;
  consumer.open = true;
  consumer.prefetch = {.messages = 10, .bytes = 100};
  EXPECT_TRUE(consumer.HasRoomFor(1'000));
  Entry held;
  consumer.by_tag.emplace(1, &held);
  consumer.unsettled_bytes = 1'000;
  EXPECT_FALSE(consumer.HasRoomFor(0));
  EXPECT_FALSE(consumer.WantsMore());
}

}  // namespace
}  // namespace warren::core
