// Material for tests of storage: random records, random but valid histories of a broker, and
// comparison of what was recovered with what should have been.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "storage/journal.h"
#include "storage/live_state.h"
#include "storage/record.h"
#include "tests/contract/same_record.h"

namespace warren::storage {

using Random = std::mt19937_64;

// The seed of a randomised test: WARREN_TEST_SEED if it is set, else a new one.
uint64_t TestSeed();
// To be put in a SCOPED_TRACE: how to run the same again.
std::string SeedTrace(uint64_t seed);

// A record of the kind with that index in Record, filled at random; makes no sense otherwise.
Record RandomRecord(Random& random, size_t kind);
Headers RandomHeaders(Random& random, int depth);
MessagePtr RandomMessage(Random& random);

// A message with that body and nothing else of note.
MessagePtr MessageWithBody(std::string body);

// What a broker might append: declares, binds, publishes, settles, requeues and deletes at random.
class History {
 public:
  explicit History(uint64_t seed) : random_(seed) {}

  // The next batch; of 0 to 20 decisions.
  Batch Next();

 private:
  void Decide();
  void DeclareSomething();
  void DeleteSomething();
  void Publish();
  void Settle();
  void Requeue();
  void TouchWindowsAndProducers();
  void RemoveEntryOf(MessageId message, QueueId queue);

  uint64_t Below(uint64_t bound) { return random_() % bound; }
  uint64_t NextId() { return ++last_id_; }

  Random random_;
  Lsn lsn_;
  uint64_t last_id_ = 0;
  std::vector<Record> out_;
  // What is live, as far as the next decision needs it.
  std::vector<ExchangeId> exchanges_;
  std::vector<QueueId> queues_;
  std::map<BindingId, BindingAdded> bindings_;
  std::map<MessageId, std::vector<QueueId>> messages_;
};

// All that a journal recovers, or a state emits; fails the test if that is an error.
std::vector<Record> Recovered(Journal& journal);
std::vector<Record> Emitted(const LiveState& state);

// Kinds in the order that Journal::Recover promises, ids ascending within each.
::testing::AssertionResult InPromisedOrder(const std::vector<Record>& records);

// The same records; kinds without ids in any order among themselves.
::testing::AssertionResult SameState(std::vector<Record> actual, std::vector<Record> expected);

}  // namespace warren::storage
