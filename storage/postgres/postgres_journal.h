// The journal in PostgreSQL: rows that people can read with SQL, in the schema `warren`.
//
// Place in the life of a message: step 6. Each Append is one transaction: messages and settlements
// are streamed in with COPY, or inserted if they are few, and its last statement is the fence and
// the mark in one: it takes effect only while this broker owns the shard, and stores the
// transaction's number. So a broker that was deposed writes nothing, and a transaction whose outcome
// got lost with its connection is neither lost nor done twice.
//
// Messages lie in segments (segments.h), which are dropped whole; so there is nothing to vacuum.
//
// Trouble that may pass (the server restarts, a full disk, a lock) is sat out by connecting anew
// and writing the batch again unless its number is there.
//
// Thread safety: thread-compatible, but for OwnedUntil and Figures, which are thread-safe, and the
// observer's OnLost, which comes on a thread of the lease. The stop token may be asked to stop by any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/journal.h"
#include "storage/lsn_sequence.h"
#include "storage/postgres/access.h"
#include "storage/postgres/segments.h"

namespace warren::storage {

struct PostgresOptions {
  PostgresAccess access;
  // How long the shard stays ours without a renewal.
  int64_t lease_ms = 10'000;
  // HOST:PORT for those that wait for the shard; "": none.
  std::string advertise;
  // Ends the wait for the lease, and an Append that sits out trouble.
  std::stop_token stop;
  // Between attempts to go on after trouble; doubles from the first to the most.
  std::chrono::milliseconds retry_first{100};
  std::chrono::milliseconds retry_most{5'000};
  // Without an answer for that long the observer is told.
  std::chrono::milliseconds patience{5'000};
  // How long tidying waits for a lock, and how long it leaves off when it didn't get it.
  std::chrono::milliseconds tidy_lock_wait{100};
  std::chrono::milliseconds tidy_pause{5'000};
  SegmentLimits segments;
};

class PostgresJournal : public Journal {
 public:
  // Makes or updates the schema, and waits until the shard is free to own.
  // `observer` outlives the journal; null if nobody listens.
  // FAILED_PRECONDITION if a person has to act first (password, permission, version, encoding);
  // UNAVAILABLE if the server can't be reached; CANCELLED if stopped while waiting for the lease.
  static absl::StatusOr<std::unique_ptr<PostgresJournal>> Open(PostgresOptions options,
                                                               JournalObserver* observer);
  // Gives the shard up.
  ~PostgresJournal() override;

  absl::Status Recover(const RecordSink& sink) override;
  // Besides what Journal says: ABORTED if another broker owns the shard now, CANCELLED if the stop
  // token ended the wait, INTERNAL if the batch isn't the next one, INVALID_ARGUMENT if it can't be
  // stored, FAILED_PRECONDITION if somebody took the schema away, DATA_LOSS if the database lacks
  // batches that were durable; all of them permanent.
  absl::Status Append(const Batch& batch) override;
  // At most one short transaction: makes the next segment, drops a dead one, or moves some messages
  // out of one that is nearly dead.
  void Maintain() override;
  std::chrono::steady_clock::time_point OwnedUntil() const override;
  JournalFigures Figures() const override;

 private:
  class Impl;
  explicit PostgresJournal(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

}  // namespace warren::storage
