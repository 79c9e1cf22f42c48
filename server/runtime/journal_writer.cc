#include "server/runtime/journal_writer.h"

#include <chrono>
#include <optional>
#include <utility>

namespace warren::runtime {

JournalWriter::JournalWriter(storage::Journal& journal, Stats& stats, Done done)
    : journal_(journal), stats_(stats), done_(std::move(done)), thread_([this] { Run(); }) {}

JournalWriter::~JournalWriter() {
  slot_.Close();
  thread_.join();
}

void JournalWriter::Write(storage::Batch batch) { slot_.Put(std::move(batch)); }

void JournalWriter::Run() {
  while (std::optional<storage::Batch> batch = slot_.Take()) {
    stats_.writing_messages.Set(batch->messages);
    stats_.writing_bytes.Set(batch->bytes);
    const auto start = std::chrono::steady_clock::now();
    const absl::Status status = journal_.Append(*batch);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    stats_.writing_messages.Set(0);
    stats_.writing_bytes.Set(0);
    if (status.ok()) {
      stats_.commit_seconds.Observe(took.count());
      stats_.batch_messages.Observe(static_cast<double>(batch->messages));
      stats_.batch_bytes.Observe(static_cast<double>(batch->bytes));
      stats_.batches_written.Add(1);
      stats_.bytes_written.Add(batch->bytes);
    }
    done_(batch->lsn, status);
    if (!status.ok()) return;
    batch.reset();  // frees memory before the next one comes
    journal_.Maintain();
  }
}

}  // namespace warren::runtime
