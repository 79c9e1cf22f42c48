#include "storage/rocksdb/keys.h"

#include <string>

#include "gtest/gtest.h"

namespace warren::storage {
namespace {

TEST(Keys, SortAsIdsDo) {
  EXPECT_LT(MessageKey({1}), MessageKey({256}));
  EXPECT_LT(MessageKey({255}), MessageKey({256}));
  EXPECT_LT(QueueKey({uint64_t{1} << 62}), QueueKey({uint64_t{1} << 63}));
}

TEST(Keys, SortAsKindsAreRecovered) {
  EXPECT_LT(IdsKey(), VirtualHostKey(""));
  EXPECT_LT(VirtualHostKey("\xff"), ExchangeKey({1}));
  EXPECT_LT(ExchangeKey({UINT64_MAX}), QueueKey({1}));
  EXPECT_LT(QueueKey({UINT64_MAX}), BindingKey({1}));
  EXPECT_LT(BindingKey({UINT64_MAX}), ServingKey({1}));
  EXPECT_LT(ServingKey({UINT64_MAX}), ProducerKey("", ""));
  EXPECT_LT(ProducerKey("\xff", "\xff"), SeenKey({1}, {}, ""));
}

TEST(Keys, NamesThatRunTogetherStayApart) {
  EXPECT_NE(ProducerKey("a", "bc"), ProducerKey("ab", "c"));
  EXPECT_NE(SeenKey({1}, {}, "m"), SeenKey({}, {1}, "m"));
}

TEST(Keys, PrefixEndIsBehindAllOfTheWindowAndBeforeTheNext) {
  for (const uint64_t id : {uint64_t{1}, uint64_t{255}, UINT64_MAX - 1}) {
    const std::string end = PrefixEnd(SeenPrefix({}, {id}));
    EXPECT_LT(SeenKey({}, {id}, std::string(300, '\xff')), end);
    EXPECT_LE(end, SeenKey({}, {id + 1}, ""));
  }
  EXPECT_LE(PrefixEnd(SeenPrefix({UINT64_MAX}, {})), SeenKey({}, {1}, ""));
}

}  // namespace
}  // namespace warren::storage
