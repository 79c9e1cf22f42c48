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
