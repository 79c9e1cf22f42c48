// The pager's thread: carries out what the core wants moved between memory and the spill (see
// core/paging.h), one piece of work at a time; while it does, the broker gathers the next.
//
// Thread safety: Carry from one thread; `done` is called on the pager's own.
//
// Invariants:
// 1. `done` is called once for each piece of work, in their order.
// 2. After one that failed nothing is moved any more.
#pragma once

#include <functional>
#include <thread>

#include "absl/status/statusor.h"
#include "server/core/command.h"
#include "server/core/paging.h"
#include "server/runtime/slot.h"
#include "storage/spill/spill.h"

namespace warren::runtime {

// What became of the work. A message that the spill can't take stays where it is, which is logged;
// one that can't be read back is an error: DATA_LOSS or UNAVAILABLE.
absl::StatusOr<core::Paged> MovePages(storage::Spill& spill, core::PageWork work);

class Pager {
 public:
  using Done = std::function<void(absl::StatusOr<core::Paged>)>;

  // `spill` must outlive it, and is its own meanwhile.
  Pager(storage::Spill& spill, Done done);
  // Waits for the work underway.
  ~Pager();
  Pager(const Pager&) = delete;
  Pager& operator=(const Pager&) = delete;

  // REQUIRES: `done` has been called for the work before.
  void Carry(core::PageWork work);

 private:
  void Run();

  storage::Spill& spill_;
  const Done done_;
  Slot<core::PageWork> slot_;

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace warren::runtime
