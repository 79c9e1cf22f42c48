// The write-ahead journal: what the broker must not forget.
//
// Place in the life of a message: step 6. The core fills a batch while the one before it is being
// written (group commit); the journal makes it durable; what waited for it is then released.
//
// Implementations: storage/memory, storage/rocksdb, storage/postgres. What this page promises is
// tested for all of them by tests/contract/journal_contract_test.cc.
//
// Thread safety: thread-compatible. One thread at a time calls in; the runtime's journal writer
// does, so a call may block.
//
// Invariants:
// 1. After Append(batch) returned OK, the batch survives the death of the process, and of the
//    machine if the backend is durable at all.
// 2. A batch is there as a whole or not at all, and only if all batches before it are.
// 3. Recover yields the same live state, however often the process died, at whatever point.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "storage/record.h"

namespace warren::storage {

// What a store tells of itself in numbers.
struct JournalFigures {
  std::optional<uint64_t> segments;  // parts that messages lie in; none if it has no such parts
  // Of stores that one broker owns at a time:
  std::optional<uint64_t> epoch;  // of our ownership
  uint64_t fenced_writes = 0;     // refused since somebody else owns the store
};

// Takes what is recovered, record by record. An error ends the recovery and is returned by it.
using RecordSink = std::function<absl::Status(Record)>;

class Journal {
 public:
  virtual ~Journal() = default;

  // Yields the live state, in this order: IdsReserved; VirtualHostDeclared; ExchangeDeclared;
  // QueueDeclared; BindingAdded; QueueServing; ProducerAdvanced; MessageIdSeen; UserPut;
  // PolicyPut; MessagePublished (ids ascending within each kind that has one).
  // REQUIRES: called before the first Append, at most once.
  // DATA_LOSS if the store is damaged; the message names the store, the place and the remedy.
  virtual absl::Status Recover(const RecordSink& sink) = 0;

  // Makes the batch durable; returns when it is. Sits transient trouble out (a full disk, a
  // database that restarts), and says so through the observer. An error is permanent: the
  // broker must stop, and nothing that waits for this batch may be released.
  // REQUIRES: batch.lsn is one more than that of the batch before.
  virtual absl::Status Append(const Batch& batch) = 0;

  // Until when nobody else can own the store: past it, nothing may be taken from publishers until
  // this is later again, since somebody else may be serving the same queues. Always in the future
  // for a store that only one process can open. Thread-safe.
  virtual std::chrono::steady_clock::time_point OwnedUntil() const {
    return std::chrono::steady_clock::time_point::max();
  }

  // Thread-safe.
  virtual JournalFigures Figures() const { return {}; }

  // Tidies the store a little, if there is anything to tidy. Called after the outcome of a batch
  // has been told, when nobody waits for it; takes some milliseconds at most unless the store is in
  // trouble, of which the next Append tells.
  virtual void Maintain() {}
};

// Who owns a store that this process waits for.
struct StoreOwner {
  std::string name;     // for people: "the broker on HOST, process PROCESS"
  std::string address;  // HOST:PORT at which it takes calls; "" if it hasn't said

  bool operator==(const StoreOwner&) const = default;
};

// Hears about transient trouble, so that publishers can be held and told why, and about the end of
// ownership. Called on the thread that is inside Append or opens the journal, but for OnLost.
class JournalObserver {
 public:
  virtual ~JournalObserver() = default;
  // Called when Append cannot go on for now, possibly again with a new reason.
  virtual void OnStalled(std::string_view reason) = 0;
  // Called while the journal is being opened: somebody else owns the store, which is waited for
  // and is no trouble; what was told of trouble before is over. Again when it is another owner's.
  virtual void OnWaiting(const StoreOwner& /*owner*/) {}
  // Called when it goes on, or when the wait is over.
  virtual void OnResumed() = 0;
  // Something fails that nobody waits for, such as giving disk space back; once for each reason.
  virtual void OnHindered(std::string_view /*reason*/) {}
  // Called when somebody else owns the store now; the broker must stop. On any thread, once.
  virtual void OnLost(const absl::Status& /*why*/) {}
};

}  // namespace warren::storage
