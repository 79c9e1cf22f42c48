// What the reference knows: the state of a broker as plain values, in no clever form. Order is by
// scanning, identity by name and number; a copy of it is a snapshot.
// Value types; thread-compatible.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "server/core/command.h"
#include "server/core/inspection.h"
#include "storage/message.h"
#include "storage/options.h"
#include "storage/policy.h"

namespace warren::sim {

// The batches that a copy came and went with, and whose dead letter it is: what is needed to say
// whether it would survive a crash. Shared by all who descend from it.
struct Life {
  uint64_t born_lsn = 0;
  uint64_t gone_lsn = 0;  // 0: it is there
  bool in_transaction = false;  // it went with one, so it comes back if that is undone
  bool durable = false;
  std::shared_ptr<const Life> dead_letter_of;  // null: published
};

// Who waits for a message's confirm.
struct Origin {
  core::PublisherId publisher;
  uint64_t sequence = 0;
  auto operator<=>(const Origin&) const = default;
};

// A message in a queue.
struct Copy {
  uint64_t number = 0;     // never used again
  storage::MessageId id;   // the broker's, once it was seen
  storage::MessagePtr message;
  Origin origin;  // publisher 0: nobody waits
  std::shared_ptr<Life> life;
  core::EntryPlace place = core::EntryPlace::kReady;
  uint64_t published = 0;  // order of publishing
  uint64_t position = 0;   // order in the queue
  uint8_t priority = 0;
  int64_t expires_at_ms = 0;
  int64_t due_at_ms = 0;
  uint32_t deliveries = 0;
  bool redelivered = false;  // by word of an earlier run, or of its publisher
  // What the journal was told last.
  int64_t told_expires_at_ms = 0;
  int64_t told_due_at_ms = 0;
  uint32_t told_deliveries = 0;
  // Who has it, while unsettled.
  core::ConsumerId consumer;  // 0: a lease
  uint64_t tag = 0;
  int64_t lease_until_ms = 0;

  uint64_t bytes() const { return message->body.size(); }
};

struct SeenUntil {
  int64_t until_ms = 0;
  bool durable = false;
};

struct ReferenceQueue {
  uint64_t number = 0;
  std::string name;
  storage::QueueOptions declared;
  storage::QueueOptions options;  // as a policy makes them
  uint64_t policy = 0;            // its number; 0: none counts
  core::ConsumerId owner;  // of an exclusive one
  int64_t last_used_ms = 0;
  std::vector<Copy> copies;
  std::map<std::string, SeenUntil> seen;
  std::vector<core::ConsumerId> turns;  // consumers that want more, the next one first

  bool durable() const { return options.durable && !options.exclusive; }
  uint64_t ready() const;
  uint64_t ready_bytes() const;
  bool IsOver(uint64_t extra_messages, uint64_t extra_bytes) const;
  // Null if there is none.
  Copy* Head();
  Copy* OldestOfLowest();
  Copy* EarliestDeadline();  // of ready and delayed ones
  Copy* Unsettled(core::ConsumerId consumer, uint64_t tag);
  Copy* LastUnsettled(core::ConsumerId consumer);
  void Erase(const Copy& copy);
};

// 0: none.
int64_t DeadlineOf(const Copy& copy);

struct ReferenceExchange {
  uint64_t number = 0;
  std::string name;
  storage::ExchangeOptions declared;
  storage::ExchangeOptions options;  // as a policy makes them
  std::map<std::string, SeenUntil> seen;
};

struct ReferenceBinding {
  std::string source;
  bool to_queue = true;
  std::string destination;
  std::string key;
  storage::Headers arguments;
  bool durable = false;

  bool operator==(const ReferenceBinding& other) const {
    return source == other.source && to_queue == other.to_queue &&
           destination == other.destination && key == other.key && arguments == other.arguments;
  }
};

struct ReferencePolicy {
  uint64_t number = 0;  // another one each time that it is set
  storage::Policy policy;
};

struct ReferenceState {
  uint64_t next_number = 1;  // of everything, so that order of numbers is order of making
  std::map<uint64_t, ReferenceQueue> queues;
  std::vector<ReferenceExchange> exchanges;
  std::vector<ReferenceBinding> bindings;  // in the order in which they were made
  std::map<std::string, ReferencePolicy> policies;
  std::map<std::string, uint64_t> sequences;          // of producers, the last one
  std::map<std::string, std::set<uint64_t>> refused;  // of producers, those up to it that were

  ReferenceQueue* FindQueue(std::string_view name);
  ReferenceExchange* FindExchange(std::string_view name);
  // Null if none counts.
  const ReferencePolicy* PolicyFor(const std::string& name, storage::PolicyTarget target) const;
  void FollowPolicy(ReferenceQueue& queue) const;
  void FollowPolicy(ReferenceExchange& exchange) const;
};

}  // namespace warren::sim
