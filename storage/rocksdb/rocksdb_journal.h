// The embedded journal: a RocksDB store in a directory, which one process has open at a time.
//
// Place in the life of a message: step 6. Each Append is one write of RocksDB with a synced log.
// The store keeps the live state, not a history (docs/storage-format.md): a settled message is
// gone from it, and recovery reads what is live, whatever happened before.
//
// Trouble that may pass (a full disk, an I/O error) is sat out by opening the store anew and
// writing the batch again. That is the way a crash takes too, and the only one that surely leaves
// no torn write behind in the log; a batch that took effect unnoticed may be repeated, see
// LiveState.
//
// Thread safety: thread-compatible, but for Figures, which is thread-safe; the stop token may be asked to stop by any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/journal.h"
#include "storage/lsn_sequence.h"

namespace warren::storage {

class BatchBuilder;
class KeptMessages;
class Shelves;
class Store;

struct RocksDbOptions {
  // Made, with its parents, if it isn't there.
  std::string path;
  // Ends an Append that sits out trouble.
  std::stop_token stop;
  // Between attempts to go on after trouble; doubles from the first to the most.
  std::chrono::milliseconds retry_first{100};
  std::chrono::milliseconds retry_most{5'000};
  // Messages gather in memory, and in the log, until they are that many bytes; then they go to a
  // table.
  size_t memtable_bytes = size_t{128} << 20;
  // What is over and shares a shelf with what stays (shelves.h) is deleted after that much more
  // has been written.
  size_t sweep_after_bytes = size_t{512} << 20;
};

class RocksDbJournal : public Journal {
 public:
  // `observer` outlives the journal; null if nobody listens.
  // FAILED_PRECONDITION if another process has the store open, a newer version wrote it, or the
  // directory can't be used; DATA_LOSS if it is damaged; UNAVAILABLE if there's no room to open it.
  static absl::StatusOr<std::unique_ptr<RocksDbJournal>> Open(RocksDbOptions options,
                                                              JournalObserver* observer);
  ~RocksDbJournal() override;

  absl::Status Recover(const RecordSink& sink) override;
  // Besides what Journal says: CANCELLED if the stop token ended the wait, INTERNAL if the batch
  // isn't the next one, INVALID_ARGUMENT if it can't be stored; all of them permanent.
  absl::Status Append(const Batch& batch) override;
  void Maintain() override;
  JournalFigures Figures() const override { return {.segments = tables_, .epoch = {}}; }

 private:
  RocksDbJournal(RocksDbOptions options, JournalObserver* observer,
                 std::shared_ptr<KeptMessages> kept, std::unique_ptr<Store> store);

  absl::Status Write(const Batch& batch);
  void Tidy();
  absl::Status RecoverDeclarations(const RecordSink& sink);
  absl::Status RecoverShelves();
  absl::Status RecoverMessages(const RecordSink& sink);
  // Whether the key hasn't been deleted with the range that it is in.
  absl::StatusOr<bool> IsLive(std::string_view declaration_key) const;
  // Tries until the built batch is written, or hope is gone. `trouble` is why it isn't.
  absl::Status SitOut(absl::Status trouble);
  // One attempt: closes the store, opens it and writes the built batch.
  absl::Status ReopenAndWrite();

  const RocksDbOptions options_;
  JournalObserver* const observer_;
  std::unique_ptr<Store> store_;  // null between attempts to reopen it
  const std::unique_ptr<Shelves> shelves_;
  const std::shared_ptr<KeptMessages> kept_;
  std::unique_ptr<BatchBuilder> builder_;
  LsnSequence lsns_;
  std::atomic<uint64_t> tables_{0};
  std::chrono::steady_clock::time_point count_tables_from_{};
  std::chrono::steady_clock::time_point drop_tables_from_{};
  bool recovered_ = false;
  absl::Status tidied_;  // an error since the store was opened: it can't be written to as it is
  absl::Status failed_;  // the first error of an Append, which ends the journal's life
};

}  // namespace warren::storage
