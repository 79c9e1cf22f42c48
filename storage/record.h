// Records: the facts that recovery needs, and nothing else.
//
// The core appends them as it decides; a batch of them becomes durable all together. A record
// states what is so from now on, so a backend may keep them as a log or fold them into tables:
// what it gives back at recovery is the live state, in records of the kinds marked "live".
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "storage/ids.h"
#include "storage/message.h"
#include "storage/options.h"
#include "storage/policy.h"
#include "storage/user.h"
#include "storage/virtual_host_limits.h"

namespace warren::storage {

// Live. All ids given out so far, of all kinds, are below this one. Ids are reserved in blocks, so
// that one is never used again although all traces of it are gone.
struct IdsReserved {
  uint64_t below = 0;
};

// Live. Instead of the one of that name. One that is being deleted is gone for everybody; what is
// left in it follows.
struct VirtualHostDeclared {
  std::string name;
  bool deleting = false;
  VirtualHostLimits limits = {};
};

// All in it has been removed by records of their own.
struct VirtualHostDeleted {
  std::string name;
};

// Live.
struct ExchangeDeclared {
  ExchangeId id;
  std::string virtual_host;
  std::string name;
  ExchangeOptions options;
};

// Its bindings have been removed by records of their own; its deduplication window ends with it.
struct ExchangeDeleted {
  ExchangeId id;
};

// Live.
struct QueueDeclared {
  QueueId id;
  std::string virtual_host;
  std::string name;
  QueueOptions options;
};

// Its bindings and entries have been removed by records of their own; its QueueServing and its
// deduplication window end with it.
struct QueueDeleted {
  QueueId id;
};

// Live. Exactly one of queue and exchange is set.
struct BindingAdded {
  BindingId id;
  ExchangeId source;
  QueueId queue;
  ExchangeId exchange;
  std::string key;
  Headers arguments;
};

struct BindingRemoved {
  BindingId id;
};

// Live. Says which messages of a queue may have been delivered: all of them while it is being
// served, else those up to delivered_up_to.
struct QueueServing {
  QueueId queue;
  bool serving = false;
  MessageId delivered_up_to;
};

// A message in one queue.
struct EntryFacts {
  QueueId queue;
  int64_t expires_at_ms = 0;    // 0 is never
  int64_t due_at_ms = 0;        // 0 is at once; else not to be delivered before
  uint32_t delivery_count = 0;  // as of the last requeue

  bool operator==(const EntryFacts&) const = default;
};

// Live: with the entries that are left, and their latest facts.
struct MessagePublished {
  MessageId id;
  MessagePtr message;
  std::vector<EntryFacts> entries;  // never empty; one a queue
};

// The queue is done with the message. `last`: no durable queue has it any more.
struct EntryRemoved {
  MessageId message;
  QueueId queue;
  bool last = false;
};

// The entry's facts are these from now on.
struct EntryUpdated {
  MessageId message;
  EntryFacts facts;
};

// The sequences from `first` to `last`, both included.
struct SequenceRun {
  uint64_t first = 0;
  uint64_t last = 0;

  bool operator==(const SequenceRun&) const = default;
};

// Live. What the producer sent up to this sequence has been taken, but for what was refused.
struct ProducerAdvanced {
  std::string virtual_host;
  std::string producer_id;
  uint64_t last_sequence = 0;
  int64_t at_ms = 0;
  std::vector<SequenceRun> refused;  // ascending, none next to another; old ones are forgotten
};

struct ProducerForgotten {
  std::string virtual_host;
  std::string producer_id;
};

// Live. Within one exchange's or queue's deduplication window. Exactly one of the two is set.
struct MessageIdSeen {
  ExchangeId exchange;
  QueueId queue;
  std::string message_id;
  int64_t until_ms = 0;
};

struct MessageIdForgotten {
  ExchangeId exchange;
  QueueId queue;
  std::string message_id;
};

// Live. Instead of the one of that name.
struct UserPut {
  User user;
};

struct UserDeleted {
  std::string name;
};

// Live. Instead of the one of that name there.
struct PolicyPut {
  Policy policy;
};

struct PolicyDeleted {
  std::string virtual_host;
  std::string name;
};

using Record =
    std::variant<IdsReserved, VirtualHostDeclared, ExchangeDeclared, ExchangeDeleted, QueueDeclared,
                 QueueDeleted, BindingAdded, BindingRemoved, QueueServing, MessagePublished,
                 EntryRemoved, EntryUpdated, ProducerAdvanced, ProducerForgotten, MessageIdSeen,
                 MessageIdForgotten, VirtualHostDeleted, UserPut, UserDeleted, PolicyPut,
                 PolicyDeleted>;

// What becomes durable together. The records of one step of the core are never split over two.
struct Batch {
  Lsn lsn;  // counts up by one from batch to batch, from 1 at each start of the broker
  std::vector<Record> records;
  size_t messages = 0;  // of these, published ones; for metrics
  size_t bytes = 0;     // of bodies, to size buffers and for metrics
};

}  // namespace warren::storage
