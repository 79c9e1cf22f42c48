#include "server/metrics/storage_families.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>

#include "server/runtime/disk_watch.h"

namespace warren::metrics {
namespace {

using Clock = std::chrono::steady_clock;

// There is one so far; it has all virtual hosts.
constexpr char kShard[] = "0";

double Number(uint64_t value) { return static_cast<double>(value); }

}  // namespace

void AddStorageFamilies(const std::string& backend, const Snapshot* now,
                        const runtime::Stats& stats, const runtime::StallReporter& stalls,
                        const runtime::Vitals& vitals, Families& families) {
  const Labels labels = {{"backend", backend}};
  families
      .Histogram("warren_storage_commit_seconds", "How long a batch took to become durable.")
      .Add(stats.commit_seconds, labels);
  families.Histogram("warren_storage_batch_messages", "Published messages in a batch.")
      .Add(stats.batch_messages, labels);
  families.Histogram("warren_storage_batch_bytes", "Bytes of bodies in a batch.")
      .Add(stats.batch_bytes, labels);
  families.Counter("warren_storage_written_bytes_total", "Bytes of bodies made durable.")
      .Add(Number(stats.bytes_written.value()), labels);

  const uint64_t open_messages = now != nullptr ? now->usage.pending_messages : 0;
  const uint64_t open_bytes = now != nullptr ? now->usage.pending_body_bytes : 0;
  families
      .Gauge("warren_storage_pending_messages",
             "Published messages that wait for the store, or are being written.")
      .Add(Number(open_messages + stats.writing_messages.value()), labels);
  families.Gauge("warren_storage_pending_bytes", "The bodies of these messages.")
      .Add(Number(open_bytes + stats.writing_bytes.value()), labels);
  if (now != nullptr) {
    families
        .Gauge("warren_storage_pending_records",
               "All records that wait for the store: messages, settlements and declarations.")
        .Add(Number(now->usage.pending_records), labels);
  }

  std::optional<uint64_t> segments;
  const bool open = vitals.LookAtStore([&](const storage::Journal& journal) {
    segments = journal.Figures().segments;
  });
  families
      .Gauge("warren_storage_connected",
             "1 while the store is open and takes what it is given, else 0.")
      .Add(open && stalls.trouble().empty() ? 1 : 0, labels);
  families
      .Counter("warren_storage_errors_total",
               "How often the store could not go on, gave another reason for that, or could not "
               "be tidied.")
      .Add(Number(stalls.troubles()), labels);
  if (segments) {
    families
        .Gauge("warren_storage_segments",
               "Parts that the store keeps messages in: PostgreSQL's segments, RocksDB's tables.")
        .Add(Number(*segments), labels);
  }
  families.Gauge("warren_recovery_seconds", "How long recovery at start took.")
      .Add(Number(stats.recovery_millis.value()) / 1000);
  families
      .Gauge("warren_recovered_messages", "Messages that recovery at start has found so far.")
      .Add(Number(stats.recovered_messages.value()));
}

void AddShardFamilies(const runtime::Vitals& vitals, Families& families) {
  const Labels labels = {{"shard", kShard}};
  std::optional<uint64_t> epoch;
  uint64_t fenced = 0;
  double remaining_s = 0;
  vitals.LookAtStore([&](const storage::Journal& journal) {
    const storage::JournalFigures figures = journal.Figures();
    epoch = figures.epoch;
    fenced = figures.fenced_writes;
    const std::chrono::duration<double> remaining = journal.OwnedUntil() - Clock::now();
    // That of a lease that was lost lies before all times.
    if (journal.OwnedUntil() > Clock::now()) remaining_s = remaining.count();
  });
  families
      .Gauge("warren_shard_leader",
             "1 while this broker surely owns the shard, else 0: it waits for its turn, or its "
             "lease ran out.")
      .Add(remaining_s > 0 ? 1 : 0, labels);
  if (epoch) {
    families.Gauge("warren_shard_epoch", "The epoch in which this broker owns the shard.")
        .Add(Number(*epoch), labels);
  }
  families
      .Gauge("warren_lease_remaining_seconds",
             "For how long the shard is surely this broker's; 0 if it isn't.")
      .Add(remaining_s, labels);
  families
      .Counter("warren_fenced_writes_total",
               "Writes that the store refused since another broker owns the shard.")
      .Add(Number(fenced), labels);
}

void AddDiskFamilies(const std::vector<Folder>& folders, uint64_t free_limit_bytes,
                     Families& families) {
  Family free = families.Gauge("warren_disk_free_bytes",
                               "Room on the disk that a folder of the broker's is on.");
  for (const Folder& folder : folders) {
    const uint64_t bytes = runtime::DiskFreeBytes(folder.path);
    if (bytes == std::numeric_limits<uint64_t>::max()) continue;
    free.Add(Number(bytes), {{"use", folder.use}});
  }
  families
      .Gauge("warren_disk_free_limit_bytes", "Room on a disk below which publishers are held.")
      .Add(Number(free_limit_bytes));
}

}  // namespace warren::metrics
