#include "server/core/slab.h"

#include <memory>
#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "tests/contract/records.h"

namespace warren::core {
namespace {

struct Object {
  std::shared_ptr<int> owned;
  uint64_t value = 0;
};

// Goal: objects alive at the same time never share a slot, and their destructors run. Method:
// random births and deaths over several blocks, each object checking what it was born with.
TEST(Slab, ObjectsDoNotOverlapAndSlotsAreReused) {
  const uint64_t seed = storage::TestSeed();
  SCOPED_TRACE(storage::SeedTrace(seed));
  storage::Random random(seed);

  const auto shared = std::make_shared<int>(0);
  Slab<Object> slab;
  std::vector<Object*> alive;
  std::vector<uint64_t> values;
  std::set<Object*> slots;
  size_t most = 0;
  for (uint64_t step = 0; step < 20'000; ++step) {
    const bool grows = step % 8'000 < 5'000;
    if (alive.empty() || random() % 4 < (grows ? 3U : 1U)) {
      alive.push_back(slab.New(Object{.owned = shared, .value = step}));
      values.push_back(step);
      slots.insert(alive.back());
      most = std::max(most, alive.size());
    } else {
      const size_t index = random() % alive.size();
      ASSERT_EQ(alive[index]->value, values[index]);
      slab.Delete(alive[index]);
      std::swap(alive[index], alive.back());
      std::swap(values[index], values.back());
      alive.pop_back();
      values.pop_back();
    }
    ASSERT_EQ(static_cast<size_t>(shared.use_count()), alive.size() + 1);
  }
  EXPECT_EQ(std::set<Object*>(alive.begin(), alive.end()).size(), alive.size());
  EXPECT_EQ(slots.size(), most) << "a slot is taken anew before another one is opened";
  for (size_t i = 0; i < alive.size(); ++i) EXPECT_EQ(alive[i]->value, values[i]);
  for (Object* object : alive) slab.Delete(object);
  EXPECT_EQ(shared.use_count(), 1);
}

}  // namespace
}  // namespace warren::core
