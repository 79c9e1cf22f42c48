#include "server/core/ready_lines.h"

#include <algorithm>
#include <deque>
#include <vector>

#include "gtest/gtest.h"
#include "tests/contract/records.h"

namespace warren::core {
namespace {

std::vector<uint64_t> Positions(const ReadyLines& lines) {
  std::vector<uint64_t> positions;
  lines.ForEach([&](const Entry& entry) { positions.push_back(entry.position); });
  return positions;
}

// Highest priority first, in order of position within one.
bool GoesBefore(const Entry* a, const Entry* b) {
  return a->priority != b->priority ? a->priority > b->priority : a->position < b->position;
}

// Goal: whatever is taken from wherever and returns in whatever order, the lines are in order of
// priority and position. Method: random steps beside a sorted vector.
void CheckAgainstSortedVector(uint8_t max_priority, uint64_t seed) {
  storage::Random random(seed);
  std::deque<Entry> entries;  // never move
  ReadyLines lines(max_priority);
  std::vector<Entry*> inside;
  std::vector<Entry*> outside;
  for (int step = 0; step < 5'000; ++step) {
    const uint64_t choice = random() % 10;
    if (choice < 3) {  // a new one
      Entry& entry = entries.emplace_back();
      entry.position = entries.size();
      entry.priority = static_cast<uint8_t>(random() % (max_priority + 1));
      lines.Insert(&entry);
      inside.insert(std::upper_bound(inside.begin(), inside.end(), &entry, GoesBefore), &entry);
    } else if (choice < 7 && !inside.empty()) {  // the head is delivered, or any expires
      const size_t index = choice < 5 ? 0 : random() % inside.size();
      lines.Remove(inside[index]);
      outside.push_back(inside[index]);
      inside.erase(inside.begin() + static_cast<std::ptrdiff_t>(index));
    } else if (!outside.empty()) {  // one returns
      const size_t index = random() % outside.size();
      Entry* entry = outside[index];
      outside.erase(outside.begin() + static_cast<std::ptrdiff_t>(index));
      lines.Insert(entry);
      inside.insert(std::upper_bound(inside.begin(), inside.end(), entry, GoesBefore), entry);
    }
    ASSERT_EQ(lines.head(), inside.empty() ? nullptr : inside.front());
    Entry* lowest = lines.oldest_of_lowest();
    const auto oldest = std::find_if(inside.begin(), inside.end(), [&](const Entry* entry) {
      return entry->priority == inside.back()->priority;
    });
    ASSERT_EQ(lowest, inside.empty() ? nullptr : *oldest);
  }
  std::vector<uint64_t> expected;
  for (const Entry* entry : inside) expected.push_back(entry->position);
  EXPECT_EQ(Positions(lines), expected);
}

TEST(ReadyLines, RequeuedEntryReturnsToItsPosition) {
  const uint64_t seed = storage::TestSeed();
  SCOPED_TRACE(storage::SeedTrace(seed));
  CheckAgainstSortedVector(/*max_priority=*/0, seed);
}

TEST(ReadyLines, OrderHoldsWithinEachPriority) {
  const uint64_t seed = storage::TestSeed();
  SCOPED_TRACE(storage::SeedTrace(seed));
  CheckAgainstSortedVector(/*max_priority=*/10, seed);
  CheckAgainstSortedVector(/*max_priority=*/255, seed);
}

TEST(ReadyLines, EveryPriorityFindsItsWord) {
  ReadyLines lines(255);
  std::deque<Entry> entries(256);
  for (int priority = 0; priority < 256; ++priority) {
    entries[static_cast<size_t>(priority)].priority = static_cast<uint8_t>(priority);
    lines.Insert(&entries[static_cast<size_t>(priority)]);
    EXPECT_EQ(lines.head()->priority, priority);
    EXPECT_EQ(lines.oldest_of_lowest()->priority, 0);
  }
}

// Goal: a walk sees each entry that is there from its begin to its end once, in order, whatever
// else comes and goes meanwhile.
TEST(ReadyLines, AWalkSeesAllThatStays) {
  const uint64_t seed = storage::TestSeed();
  SCOPED_TRACE(storage::SeedTrace(seed));
  storage::Random random(seed);
  std::deque<Entry> entries(300);
  ReadyLines lines(5);
  std::vector<Entry*> stay;
  std::vector<Entry*> go;
  for (size_t i = 0; i < entries.size(); ++i) {
    entries[i].position = i + 1;
    entries[i].priority = static_cast<uint8_t>(random() % 6);
    lines.Insert(&entries[i]);
    (i % 3 == 0 ? go : stay).push_back(&entries[i]);
  }
  std::sort(stay.begin(), stay.end(), GoesBefore);
  for (int round = 0; round < 2; ++round) {
    std::vector<Entry*> seen;
    while (Entry* entry = lines.NextOfWalk()) {
      if (std::find(stay.begin(), stay.end(), entry) != stay.end()) seen.push_back(entry);
      if (!go.empty()) {
        const size_t index = random() % go.size();
        lines.Remove(go[index]);
        go.erase(go.begin() + static_cast<std::ptrdiff_t>(index));
      }
    }
    EXPECT_EQ(seen, stay);
  }
}

}  // namespace
}  // namespace warren::core
