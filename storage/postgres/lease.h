// Who owns the database: one broker at a time, for as long as it renews its lease.
//
// The row of warren.shards names the owner, its epoch, and when the lease ends by the database's
// clock. Taking it raises the epoch, and whatever the broker writes is bound to its epoch
// (warren.commit_batch), so a broker that was deposed writes nothing, whatever it believes. The
// lease is for what needs no writing: until OwnedUntil nobody else serves the same queues.
//
// It is renewed at a third of its time by a thread of its own, on a connection of its own; commits
// of the writer renew it, too, so that on a busy broker the thread has nothing to do. A lease that
// ran out is simply renewed if nobody took it meanwhile.
//
// The row also says at which address the owner takes calls, for those that wait. It is a hint: a
// broker that is older than the column leaves the address of its predecessor there.
//
// Thread safety: thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/journal.h"
#include "storage/postgres/access.h"
#include "storage/postgres/link.h"

namespace warren::storage {

struct LeaseOptions {
  PostgresAccess access;
  int64_t lease_ms = 10'000;
  // HOST:PORT at which the owner takes calls; "": it doesn't say.
  std::string advertise;
  // Ends the wait for the lease.
  std::stop_token stop;
  // How often a waiting broker looks, at the price of one SELECT of one row.
  std::chrono::milliseconds look_every{100};
};

class Lease {
 public:
  using Clock = std::chrono::steady_clock;

  // Waits until the database is nobody's: its owner gave it up, its lease ran out, or it was a
  // process of this machine that is gone. Whom it waits for is told by OnWaiting, a database that
  // doesn't answer meanwhile by OnStalled, and OnResumed when it's over; OnLost comes if the lease
  // is lost later.
  // `observer` outlives the lease; null if nobody listens.
  // CANCELLED if stopped; else as in trouble.h. REQUIRES: the schema is there.
  static absl::StatusOr<std::unique_ptr<Lease>> Take(LeaseOptions options,
                                                     JournalObserver* observer);
  // Gives it up, so that the next one needn't wait. Nothing may be written any more.
  ~Lease();
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  int64_t epoch() const { return epoch_; }
  // See Journal::OwnedUntil. In the past, for good, once the lease is lost.
  Clock::time_point OwnedUntil() const;
  // A commit that renews the lease, and was sent after `begun`, took effect.
  void Renewed(Clock::time_point begun);

 private:
  Lease(LeaseOptions options, JournalObserver* observer) noexcept;

  static LinkOptions LinkFor(const LeaseOptions& options, std::stop_token stop);
  // One attempt. True if it's ours now; else `owner` says whose it is.
  absl::StatusOr<bool> TryTake(StoreOwner& owner);
  // Attempts until it's ours.
  absl::Status AwaitTurn();
  void Run(std::stop_token stop);
  // Connects if need be.
  absl::Status Renew(std::stop_token stop);
  absl::Status GiveUp();
  // Why a renewal found no row of ours.
  absl::Status WhoDeposed();

  const LeaseOptions options_;
  const std::chrono::milliseconds length_;
  JournalObserver* const observer_;
  int64_t epoch_ = 0;
  // While it waits; of Take's thread:
  bool waits_ = true;
  bool overdue_ = false;  // the database owes an answer, and the observer knows

  std::atomic<Clock::rep> until_{Clock::time_point::min().time_since_epoch().count()};
  std::atomic<bool> lost_{false};

  std::unique_ptr<Link> link_;  // Take's, then the thread's
  std::jthread thread_;         // last: it uses all of the above
};

}  // namespace warren::storage
