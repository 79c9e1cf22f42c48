// The journal's thread: step 6 of a message's life. It makes one batch durable at a time; while it
// does, the broker fills the next one, which leaves as a whole when it is done (group commit).
//
// Thread safety: Write from one thread; `done` is called on the writer's own.
//
// Invariants:
// 1. `done` is called once for each batch, in their order.
// 2. After one that failed nothing is written any more.
// 3. The batch is let go on the writer's thread, so that freeing what only it still holds costs
//    the loop nothing.
#pragma once

#include <functional>
#include <thread>

#include "absl/status/status.h"
#include "server/runtime/slot.h"
#include "server/runtime/stats.h"
#include "storage/journal.h"

namespace warren::runtime {

class JournalWriter {
 public:
  using Done = std::function<void(storage::Lsn lsn, absl::Status status)>;

  // `journal` and `stats` must outlive it.
  JournalWriter(storage::Journal& journal, Stats& stats, Done done);
  // Waits for the batch underway.
  ~JournalWriter();
  JournalWriter(const JournalWriter&) = delete;
  JournalWriter& operator=(const JournalWriter&) = delete;

  // REQUIRES: `done` has been called for the batch before.
  void Write(storage::Batch batch);

 private:
  void Run();

  storage::Journal& journal_;
  Stats& stats_;
  const Done done_;
  Slot<storage::Batch> slot_;

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace warren::runtime
