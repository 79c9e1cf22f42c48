#include "storage/memory/memory_journal.h"

namespace warren::storage {

absl::Status MemoryJournal::Recover(const RecordSink& sink) { return store_->state.Emit(sink); }

absl::Status MemoryJournal::Append(const Batch& batch) {
  if (absl::Status taken = lsns_.Take(batch.lsn); !taken.ok()) return taken;
  store_->state.Apply(batch);
  return absl::OkStatus();
}

}  // namespace warren::storage
