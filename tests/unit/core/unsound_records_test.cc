// Records that no broker of ours could have written are DATA_LOSS rather than a broken broker: the
// store isn't trusted.
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/core/broker.h"
#include "storage/live_state.h"

namespace warren::core {
namespace {

using storage::BindingAdded;
using storage::EntryFacts;
using storage::ExchangeDeclared;
using storage::IdsReserved;
using storage::MessageIdSeen;
using storage::MessagePublished;
using storage::ProducerAdvanced;
using storage::QueueDeclared;
using storage::Record;
using storage::VirtualHostDeclared;

constexpr int64_t kNow = 1'000;
constexpr int64_t kEver = std::numeric_limits<int64_t>::max();

// A sound store: queue 2, exchange 3, a binding 4 between them, and message 5.
struct Store {
  IdsReserved ids{100};
  ExchangeDeclared exchange{{3}, "/", "e", {.durable = true}};
  QueueDeclared queue{{2}, "/", "q", {.durable = true, .deduplication_window_ms = 10}};
  std::vector<BindingAdded> bindings = {{.id = {4}, .source = {3}, .queue = {2}}};
  ProducerAdvanced producer{"/", "p", 7, kNow};
  MessageIdSeen seen{{}, {2}, "id", kNow};
  storage::Message message;
  std::vector<EntryFacts> entries = {{.queue = {2}}};
  std::vector<uint64_t> message_ids = {5};

  Store() { message.persistent = true; }

  std::vector<Record> Records() const {
    std::vector<Record> records = {ids, VirtualHostDeclared{"/"}, exchange, queue};
    records.insert(records.end(), bindings.begin(), bindings.end());
    records.insert(records.end(), {producer, seen});
    for (const uint64_t id : message_ids) {
      auto copy = storage::MakeRef<storage::Message>();
      copy->persistent = message.persistent;
      copy->published_at_ms = message.published_at_ms;
      copy->expiration_ms = message.expiration_ms;
      records.push_back(MessagePublished{{id}, std::move(copy), entries});
    }
    return records;
  }
};

absl::Status Recover(const Store& store) {
  Broker broker({});
  for (Record& record : store.Records()) {
    if (absl::Status s = broker.Restore(std::move(record), kNow); !s.ok()) return s;
  }
  broker.FinishRecovery(kNow);
  broker.CheckInvariants();
  return absl::OkStatus();
}

void ExpectDamage(const std::function<void(Store&)>& damage, const std::string& what) {
  Store store;
  damage(store);
  const absl::Status status = Recover(store);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << what;
  EXPECT_NE(status.message().find(what), std::string::npos) << status;
}

TEST(UnsoundRecords, SoundOnesAreTaken) { EXPECT_EQ(Recover(Store()), absl::OkStatus()); }

TEST(UnsoundRecords, IdsThatWereNeverReservedAreDamage) {
  ExpectDamage([](Store& s) { s.exchange.id = {100}; }, "an exchange has an id that was never");
  ExpectDamage([](Store& s) { s.queue.id = {0}; }, "a queue has an id that was never");
  ExpectDamage([](Store& s) { s.bindings[0].id = {100}; }, "a binding has an id that was never");
  ExpectDamage([](Store& s) { s.message_ids = {100}; }, "a message has an id that was never");
  ExpectDamage([](Store& s) { s.ids.below = ~uint64_t{0}; }, "more ids are reserved");
}

TEST(UnsoundRecords, WhatOnlyDurableThingsCanBeIsDamageElsewhere) {
  ExpectDamage([](Store& s) { s.exchange.options.durable = false; }, "an exchange has options");
  ExpectDamage([](Store& s) { s.queue.options.durable = false; }, "a queue has options");
  ExpectDamage([](Store& s) { s.queue.options.exclusive = true; }, "a queue has options");
  ExpectDamage([](Store& s) { s.message.persistent = false; }, "a message's facts");
}

TEST(UnsoundRecords, TimesThatCouldOverflowAreDamage) {
  ExpectDamage([](Store& s) { s.queue.options.message_ttl_ms = kEver; }, "a queue has options");
  ExpectDamage([](Store& s) { s.queue.options.expires_ms = -1; }, "a queue has options");
  ExpectDamage([](Store& s) { s.queue.options.retry = {.multiplier = -1}; }, "a queue has options");
  ExpectDamage([](Store& s) { s.exchange.options.deduplication_window_ms = kEver; },
               "an exchange has options");
  ExpectDamage([](Store& s) { s.message.expiration_ms = kEver; }, "a message's facts");
  ExpectDamage([](Store& s) { s.message.published_at_ms = kEver; }, "a message's facts");
  ExpectDamage([](Store& s) { s.entries[0].due_at_ms = -1; }, "an entry's facts");
  ExpectDamage([](Store& s) { s.entries[0].expires_at_ms = kEver; }, "an entry's facts");
  ExpectDamage([](Store& s) { s.entries[0].delivery_count = ~uint32_t{0}; }, "an entry's facts");
  ExpectDamage([](Store& s) { s.producer.at_ms = kEver; }, "a producer's time");
  ExpectDamage([](Store& s) { s.seen.until_ms = kEver; }, "a seen message id's time");
}

TEST(UnsoundRecords, WhatIsThereTwiceIsDamage) {
  ExpectDamage([](Store& s) { s.message_ids = {5, 5}; }, "a message is there twice");
  ExpectDamage([](Store& s) { s.entries.push_back(s.entries[0]); }, "in a queue twice");
  ExpectDamage([](Store& s) {
    s.bindings.push_back(s.bindings[0]);
    s.bindings[1].key = "another";
  }, "a binding is there twice");
}

}  // namespace
}  // namespace warren::core
