#include "server/core/deadline_heap.h"

#include <deque>
#include <iterator>
#include <set>
#include <tuple>

#include "gtest/gtest.h"
#include "tests/contract/records.h"

namespace warren::core {
namespace {

// Goal: the heap's front is always the earliest deadline, the smallest position among equals, with
// entries leaving from the middle. Method: random steps beside an ordered set.
TEST(DeadlineHeap, FrontIsTheEarliestWhateverLeaves) {
  const uint64_t seed = storage::TestSeed();
  SCOPED_TRACE(storage::SeedTrace(seed));
  storage::Random random(seed);

  std::deque<Entry> entries;  // never move
  const auto before = [](const Entry* a, const Entry* b) {
    return std::tuple(a->deadline_ms(), a->position) < std::tuple(b->deadline_ms(), b->position);
  };
  std::set<Entry*, decltype(before)> expected(before);
  DeadlineHeap heap;
  for (int step = 0; step < 20'000; ++step) {
    const bool grows = step % 4'000 < 2'000;
    if (expected.empty() || random() % 8 < (grows ? 5U : 3U)) {
      Entry& entry = entries.emplace_back();
      entry.position = entries.size();
      entry.state = EntryState::kReady;
      entry.expires_at_ms = static_cast<int64_t>(1 + random() % 50);  // many are equal
      heap.Add(&entry);
      expected.insert(&entry);
    } else {
      auto victim = expected.begin();
      if (random() % 2 == 0) std::advance(victim, random() % expected.size());
      heap.Remove(*victim);
      EXPECT_EQ((*victim)->deadline_index, Entry::kNoDeadline);
      heap.Remove(*victim);  // no-op
      expected.erase(victim);
    }
    ASSERT_EQ(heap.size(), expected.size());
    ASSERT_EQ(heap.empty(), expected.empty());
    if (heap.empty()) continue;
    ASSERT_EQ(heap.front(), *expected.begin());
    ASSERT_EQ(heap.front_ms(), (*expected.begin())->deadline_ms());
  }

  std::set<const Entry*> visited;
  heap.ForEach([&](const Entry& entry) { visited.insert(&entry); });
  EXPECT_EQ(visited, std::set<const Entry*>(expected.begin(), expected.end()));
}

TEST(DeadlineHeap, DelayedEntryCountsByWhatComesFirst) {
  Entry due_first;
  due_first.state = EntryState::kDelayed;
  due_first.due_at_ms = 10;
  due_first.expires_at_ms = 30;
  Entry expires_first = due_first;
  expires_first.expires_at_ms = 5;
  DeadlineHeap heap;
  heap.Add(&due_first);
  EXPECT_EQ(heap.front_ms(), 10);
  heap.Add(&expires_first);
  EXPECT_EQ(heap.front_ms(), 5);
}

}  // namespace
}  // namespace warren::core
