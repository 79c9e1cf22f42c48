// A message in memory, and its entries in queues. Broker thread only.
//
// A message that fanned out to n queues is one QueuedMessage of 56 bytes and n entries of 64. What
// is in the message itself may leave memory meanwhile; see paging.h.
#pragma once

#include <cstdint>

#include "storage/ids.h"
#include "storage/message.h"

namespace warren::core {

// Where the content of a message is.
enum class Residence : uint8_t {
  kMemory,
  kLeaving,  // in memory, and being written to the spill
  kStaying,  // the same, but it is needed after all
  kAway,     // in the spill only
  kComing,   // in the spill, and asked for
};

// What all entries of a message share. Lives as long as one of them does.
struct QueuedMessage {
  storage::MessageId id;
  storage::MessagePtr message;   // null while it is away or coming
  storage::SpillHandle page;     // where it lies; only while away
  uint32_t entries = 0;          // in all queues
  uint32_t durable_entries = 0;  // of these, how many the journal has or is about to have
  uint32_t memory_bytes = 0;     // about what the content takes when it is in memory
  uint32_t body_bytes = 0;
  // Where its record stands in the ledger's open batch; only valid while open_lsn is that batch's.
  storage::Lsn open_lsn;
  uint32_t open_slot = 0;
  Residence residence = Residence::kMemory;

  bool in_memory() const { return message.get() != nullptr; }
};
static_assert(sizeof(QueuedMessage) == 56, "millions of these wait in memory");

enum class EntryState : uint8_t {
  kHeld,       // published by a transaction that isn't durable yet
  kDelayed,    // not due yet
  kReady,      // in line
  kUnsettled,  // with a consumer, or leased
  kDying,      // has left for the dead-letter exchange; its content is on its way back to memory
};

struct Entry {
  QueuedMessage* message = nullptr;
  // Neighbours in the one list that the entry is on: ready, held, dying, or its holder's unsettled.
  Entry* prev = nullptr;
  Entry* next = nullptr;
  // Order within a priority; comes from the counter of message ids.
  uint64_t position = 0;
  int64_t expires_at_ms = 0;  // 0 is never
  union {
    int64_t due_at_ms = 0;  // while delayed
    int64_t joined_at_ms;   // while ready: since when
    uint64_t tag;           // while unsettled
    storage::DeathReason death;  // while dying
  };
  union {
    uint32_t deadline_index = kNoDeadline;  // in the queue's DeadlineHeap
    uint32_t delivered_at_ms;               // while unsettled: its lower bits
  };
  uint32_t delivery_count = 0;            // deliveries from this queue so far
  uint8_t priority = 0;                   // clamped to the queue's
  EntryState state = EntryState::kHeld;
  bool durable = false;      // the journal knows it
  bool claimed = false;      // a settlement names it
  bool redelivered = false;  // may have been delivered before: by an earlier run, or as sent first

  static constexpr uint32_t kNoDeadline = UINT32_MAX;

  // REQUIRES: it is in memory.
  const storage::Message& content() const { return *message->message; }
  bool in_memory() const { return message->in_memory(); }
  size_t body_bytes() const { return message->body_bytes; }

  // When something is to happen to it by itself: 0 is never.
  int64_t deadline_ms() const {
    if (state == EntryState::kDelayed) {
      return expires_at_ms != 0 && expires_at_ms < due_at_ms ? expires_at_ms : due_at_ms;
    }
    return state == EntryState::kReady ? expires_at_ms : 0;
  }
};
static_assert(sizeof(Entry) == 64, "millions of these wait in memory");

// A doubly linked list through Entry::prev and next. Owns nothing.
class EntryList {
 public:
  Entry* front() const { return front_; }
  Entry* back() const { return back_; }
  bool empty() const { return front_ == nullptr; }

  void PushBack(Entry* entry) { InsertAfter(back_, entry); }

  // After `neighbour`; at the front if that is null.
  void InsertAfter(Entry* neighbour, Entry* entry) {
    Entry* next = neighbour != nullptr ? neighbour->next : front_;
    entry->prev = neighbour;
    entry->next = next;
    (neighbour != nullptr ? neighbour->next : front_) = entry;
    (next != nullptr ? next->prev : back_) = entry;
  }

  void Remove(Entry* entry) {
    (entry->prev != nullptr ? entry->prev->next : front_) = entry->next;
    (entry->next != nullptr ? entry->next->prev : back_) = entry->prev;
    entry->prev = entry->next = nullptr;
  }

 private:
  Entry* front_ = nullptr;
  Entry* back_ = nullptr;
};

}  // namespace warren::core
