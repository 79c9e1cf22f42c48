// The ledger: records on their way to the journal, and what waits for them to be durable. Step 5
// of a message's life.
//
// Records gather in the open batch until the journal can take it; its number is the LSN. Whatever
// promises durability waits with the batch that it rests on, and is released when that is durable.
// One mechanism for confirms, replies and answers alike.
//
// A message that leaves all its durable queues while its record is still in the open batch is
// struck out: it is never written. If it left for good (settled, dropped), its confirm is released
// at once, since there is nothing left to lose; unless it promises that a repeat is recognised,
// which other records of the batch are to see to.
//
// Broker thread only.
//
// Invariants:
// 1. Batches become durable in order; what waits is released in that order.
// 2. Nothing waits when no record is open or in flight.
#pragma once

#include <cstdint>
#include <deque>
#include <variant>
#include <vector>

#include "server/core/deduplication.h"
#include "server/core/effect.h"
#include "server/core/entry.h"
#include "storage/record.h"

namespace warren::core {

// ---- What can wait for a batch, besides effects ----

// The first `count` held entries of the queue may join it: their transaction is durable.
struct ReleaseHeld {
  storage::QueueId queue;
  uint64_t count = 0;
};
// The journal knows that the queue's messages may be delivered.
struct StartServing {
  storage::QueueId queue;
  uint32_t ask = 0;  // which of the queue's; one that was withdrawn meanwhile starts nothing
};
// The consumer has been told that it subscribed; deliveries may follow.
struct OpenConsumer {
  ConsumerId consumer;
};
// A Get that came before its queue was being served.
struct ResumeGet {
  storage::QueueId queue;
  Get get;
};
using Waiting = std::variant<Effect, ReleaseHeld, StartServing, OpenConsumer, ResumeGet>;

class Ledger {
 public:
  // Any record but those with methods of their own.
  void Append(storage::Record record);

  // Who waits for a message's confirm.
  struct Confirm {
    PublisherId publisher;  // none: nobody
    uint64_t sequence = 0;
    // It promises more than that the message is kept: that a repeat of it will be recognised. So
    // it waits for the batch even if the message itself needs none any more.
    bool recognised = false;
  };

  // The message, with its durable entries. When it is durable, or has left for good, Confirmed
  // (accepted) is released.
  void Publish(QueuedMessage& message, std::vector<storage::EntryFacts> entries, Confirm confirm);

  // kElsewhere: another record of this step says where it went.
  enum class Left : uint8_t { kForGood, kElsewhere };
  // REQUIRES: the entry is durable and not removed yet.
  void RemoveEntry(QueuedMessage& message, storage::QueueId queue, Left left);
  void UpdateEntry(const QueuedMessage& message, storage::EntryFacts facts);

  // The producer has a new last sequence, or one more that was refused. However often, that is one
  // record in a batch; what was refused goes into it as the batch leaves.
  // REQUIRES: ForgetProducer is called before the producer ends.
  void AdvanceProducer(Producer& producer, int64_t now_ms);
  void ForgetProducer(const Producer& producer);

  // Released once all that has been appended so far is durable.
  void Wait(Waiting waiting);

  // To be called when a command has been carried out: lets go of what waits for nothing.
  void EndStep();
  // What has been released since the last call.
  std::vector<Waiting> TakeReleased();

  bool HasPending() const { return live_ > 0; }
  // REQUIRES: HasPending().
  storage::Batch Take();
  // Unknown or repeated LSNs are ignored.
  void Durable(storage::Lsn lsn);

  uint64_t pending_records() const { return live_; }
  uint64_t pending_messages() const { return live_messages_; }
  uint64_t pending_bytes() const { return live_bytes_; }
  uint64_t in_flight() const { return in_flight_.size(); }

 private:
  struct PendingMessage {
    storage::MessagePublished record;  // message null: struck out
    Confirm confirm;
    bool elsewhere = false;  // an entry left for elsewhere, so other records carry on for it
  };
  struct InFlight {
    storage::Lsn lsn;
    std::vector<Waiting> waiting;
  };

  bool IsOpen(const QueuedMessage& message) const { return message.open_lsn == open_lsn_; }

  // The open batch. A message's record never depends on the place of the others, so the two kinds
  // are kept apart.
  storage::Lsn open_lsn_{1};
  std::vector<storage::Record> records_;
  std::vector<PendingMessage> messages_;
  std::vector<const Producer*> advanced_;  // have a record in it
  std::vector<Waiting> waiting_;
  uint64_t live_ = 0;  // records that are not struck out
  uint64_t live_messages_ = 0;  // of these, messages
  uint64_t live_bytes_ = 0;

  std::deque<InFlight> in_flight_;
  std::vector<Waiting> released_;
};

}  // namespace warren::core
