// A queue: its entries in order, their counts, who consumes it. Step 4 of a message's life.
//
// Bookkeeping only: what follows from it (records, deliveries, dead-lettering) is decided by the
// broker. Broker thread only.
//
// Invariants:
// 1. Each entry is in exactly one place: held, delayed (the heap alone), ready (a line, and the
//    heap if it expires), unsettled (its holder's list), or dying.
// 2. The counts are those of the lists; bytes are of bodies.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/core/command.h"
#include "server/core/consumer.h"
#include "server/core/deadline_heap.h"
#include "server/core/deduplication.h"
#include "server/core/entry.h"
#include "server/core/inspection.h"
#include "server/core/policies.h"
#include "server/core/ready_lines.h"
#include "server/core/routing/binding.h"
#include "server/core/timers.h"
#include "storage/options.h"

namespace warren::core {

class VirtualHost;

// Whether the journal knows that messages of the queue may be delivered. They only may once it
// does, so that after a crash what may have been delivered is flagged as redelivered.
enum class Serving : uint8_t { kNo, kAsked, kYes };

class Queue {
 public:
  Queue(storage::QueueId id, VirtualHost& virtual_host, std::string name,
        storage::QueueOptions declared);

  const storage::QueueId id;
  VirtualHost& virtual_host;
  const std::string name;
  const storage::QueueOptions declared;  // what is recorded, and declarations are compared with

  // What counts: as declared, but for what a policy makes of it.
  const storage::QueueOptions& options() const { return by_policy_ ? *by_policy_ : declared; }
  bool follows_policy() const { return by_policy_ != nullptr; }  // not quite as declared
  const PolicyPtr& policy() const { return policy_; }            // null: none counts here
  // Null: none.
  void Follow(PolicyPtr policy);

  // Exclusive queues die with their stream, so they're never durable.
  bool durable() const { return declared.durable && !declared.exclusive; }

  // ---- Entries. REQUIRES for each: the entry is in the state that the name says. ----

  void AddHeld(Entry& entry);
  // The first `count` of the held ones become the caller's.
  std::vector<Entry*> TakeHeld(uint64_t count);
  void AddDelayed(Entry& entry, int64_t due_at_ms);
  void AddReady(Entry& entry);
  // From delayed or ready; the entry is the caller's then.
  void Take(Entry& entry);
  // To and from unsettled; the holder keeps the list.
  void AddUnsettled(Entry& entry);
  void TakeUnsettled(Entry& entry);
  void AddDying(Entry& entry, storage::DeathReason reason);
  // The first one, which is the caller's then; null if there is none.
  Entry* TakeDying();

  const ReadyLines& ready() const { return ready_; }
  Entry* NextOfWalk() { return ready_.NextOfWalk(); }
  const Deadlines& deadlines() const { return deadlines_; }
  const EntryList& held() const { return held_; }
  const EntryList& dying() const { return dying_; }
  uint64_t ready_count() const { return ready_count_; }
  uint64_t ready_bytes() const { return ready_bytes_; }
  uint64_t delayed_count() const { return delayed_count_; }
  uint64_t delayed_bytes() const { return delayed_bytes_; }
  uint64_t unsettled_count() const { return unsettled_count_; }
  uint64_t unsettled_bytes() const { return unsettled_bytes_; }
  uint64_t held_count() const { return held_count_; }
  uint64_t dying_count() const { return dying_count_; }

  // Since when the next message is ready; none if no message is.
  std::optional<int64_t> HeadReadySinceMs() const;

  // Over a limit with `extra_messages` more, of `extra_bytes` of bodies, ready?
  bool IsOver(uint64_t extra_messages, uint64_t extra_bytes) const;

  // ---- What stands around it; kept by the broker. ----

  std::map<ConsumerId, Consumer*> consumers;  // by age
  ConsumerRing available;
  bool had_consumer = false;
  ConsumerId exclusive_owner;  // whose stream an exclusive queue lives with
  EntryList leased;

  std::map<storage::BindingId, Binding*> bindings;  // as destination

  std::optional<MessageIdWindow> seen;
  TimerState timer;
  int64_t last_used_ms = 0;

  Serving serving = Serving::kNo;
  uint32_t gets_held_up = 0;      // for the journal to know that the queue is served
  uint32_t serving_asks = 0;      // how often the journal was asked; the last is the one that counts
  // The highest message id that was ever delivered, or came as resent.
  uint64_t delivered_up_to = 0;

  // How many may still leave the line before the broker has to look whether those at its front are
  // in memory. See paging.h.
  uint32_t look_ahead_in = 0;
  std::deque<Get> waiting_gets;  // for the head to be in memory
  std::vector<MoveMessages> waiting_moves;  // the same; rare, so it takes no room while it is empty

  uint64_t route_mark = 0;  // the router's; see there

  // A policy has lowered its limits, and what is too much leaves step by step; see policing.cc.
  bool shrinking = false;

  QueueTally tally;

 private:
  PolicyPtr policy_;
  std::unique_ptr<const storage::QueueOptions> by_policy_;  // if the policy changes them

  ReadyLines ready_;
  Deadlines deadlines_;
  EntryList held_;
  EntryList dying_;
  uint64_t ready_count_ = 0;
  uint64_t ready_bytes_ = 0;
  uint64_t delayed_count_ = 0;
  uint64_t delayed_bytes_ = 0;
  uint64_t unsettled_count_ = 0;
  uint64_t unsettled_bytes_ = 0;
  uint64_t held_count_ = 0;
  uint64_t dying_count_ = 0;
};

}  // namespace warren::core
