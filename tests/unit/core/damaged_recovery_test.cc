// A journal whose records contradict each other is refused, with what is wrong and what to do,
// instead of being made sense of.
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/core/broker.h"
#include "tests/contract/records.h"

namespace warren::core {
namespace {

using ::testing::HasSubstr;

// What Restore says to the last record; those before are fine.
absl::Status RestoreAll(std::vector<storage::Record> records) {
  Broker broker({});
  absl::Status status;
  for (storage::Record& record : records) {
    EXPECT_TRUE(status.ok()) << status;
    status = broker.Restore(std::move(record), 0);
  }
  return status;
}

void ExpectDamage(std::vector<storage::Record> records, const std::string& what) {
  const absl::Status status = RestoreAll(std::move(records));
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(status.ToString(), HasSubstr(what));
  EXPECT_THAT(status.ToString(), HasSubstr("restore the store from a backup"));
}

storage::Record Ids() { return storage::IdsReserved{.below = 100}; }
storage::Record Host() { return storage::VirtualHostDeclared{.name = "/"}; }
storage::Record QueueNumber(uint64_t id, const std::string& name) {
  return storage::QueueDeclared{
      .id = {id}, .virtual_host = "/", .name = name, .options = {.durable = true}};
}
storage::Record ExchangeNumber(uint64_t id, const std::string& name) {
  return storage::ExchangeDeclared{
      .id = {id}, .virtual_host = "/", .name = name, .options = {.durable = true}};
}
storage::Record MessageNumber(uint64_t id, uint64_t queue) {
  return storage::MessagePublished{.id = {id},
                                   .message = storage::MessageWithBody("body"),
                                   .entries = {{.queue = {queue}}}};
}

TEST(DamagedRecovery, ARecordThatIsNeverLiveIsRefused) {
  ExpectDamage({Ids(), storage::QueueDeleted{{1}}}, "a record that isn't live state");
}

TEST(DamagedRecovery, WhatIsThereTwiceIsRefused) {
  ExpectDamage({Ids(), Host(), QueueNumber(1, "q"), QueueNumber(1, "r")}, "a queue is there twice");
  ExpectDamage({Ids(), Host(), QueueNumber(1, "q"), QueueNumber(2, "q")}, "a queue is there twice");
  ExpectDamage({Ids(), Host(), ExchangeNumber(1, "x"), ExchangeNumber(2, "x")},
               "an exchange is there twice");
}

TEST(DamagedRecovery, WhatLeadsNowhereIsRefused) {
  ExpectDamage({Ids(), Host(), ExchangeNumber(1, "x"),
                storage::BindingAdded{.id = {2}, .source = {1}, .queue = {3}, .key = "k"}},
               "a binding has no destination");
  ExpectDamage({Ids(), Host(), MessageNumber(5, 1)}, "a message has no queue");
}

TEST(DamagedRecovery, AnIdThatWasNeverReservedIsRefused) {
  ExpectDamage({Ids(), Host(), QueueNumber(1, "q"), MessageNumber(100, 1)},
               "an id that was never reserved");
}

}  // namespace
}  // namespace warren::core
