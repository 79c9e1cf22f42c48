// The journal of `memory:`: nothing survives the process, and nothing is waited for.
//
// Place in the life of a message: step 6, when the operator asked for no durability. In tests it
// stands in for a disk: the store outlives the journals that are opened on it.
//
// Thread safety: thread-compatible; at most one journal of a store is in use at a time.
#pragma once

#include <memory>
#include <utility>

#include "storage/journal.h"
#include "storage/live_state.h"
#include "storage/lsn_sequence.h"

namespace warren::storage {

// What a disk is to other backends. Holds on to bodies of live messages only.
struct MemoryStore {
  LiveState state;
};

class MemoryJournal : public Journal {
 public:
  explicit MemoryJournal(std::shared_ptr<MemoryStore> store) : store_(std::move(store)) {}

  absl::Status Recover(const RecordSink& sink) override;
  // INTERNAL if the batch is not the next one.
  absl::Status Append(const Batch& batch) override;

 private:
  const std::shared_ptr<MemoryStore> store_;
  LsnSequence lsns_;
};

}  // namespace warren::storage
