#include "server/runtime/journal_writer.h"

#include <chrono>
#include <utility>

#include "server/base/check.h"

namespace warren::runtime {

JournalWriter::JournalWriter(storage::Journal& journal, Stats& stats, Done done)
    : journal_(journal), stats_(stats), done_(std::move(done)), thread_([this] { Run(); }) {}

JournalWriter::~JournalWriter() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void JournalWriter::Write(storage::Batch batch) {
  {
    const std::lock_guard lock(mutex_);
    WARREN_CHECK(!batch_.has_value());
    batch_ = std::move(batch);
  }
  changed_.notify_one();
}

std::optional<storage::Batch> JournalWriter::Next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return batch_.has_value() || ending_; });
  return std::exchange(batch_, std::nullopt);
}

void JournalWriter::Run() {
  while (std::optional<storage::Batch> batch = Next()) {
    const auto start = std::chrono::steady_clock::now();
    const absl::Status status = journal_.Append(*batch);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    stats_.commit_seconds.Observe(took.count());
    stats_.batches_written.Add(1);
    stats_.bytes_written.Add(batch->bytes);
    done_(batch->lsn, status);
    if (!status.ok()) return;
    batch.reset();  // frees memory before the next one comes
    journal_.Maintain();
  }
}

}  // namespace warren::runtime
