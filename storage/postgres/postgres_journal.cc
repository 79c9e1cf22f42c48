#include "storage/postgres/postgres_journal.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/postgres/batch_writer.h"
#include "storage/postgres/eviction.h"
#include "storage/postgres/lease.h"
#include "storage/postgres/link.h"
#include "storage/postgres/recovery.h"
#include "storage/postgres/schema.h"
#include "storage/postgres/session.h"
#include "storage/postgres/tidier.h"
#include "storage/postgres/trouble.h"
#include "storage/wait.h"

namespace warren::storage {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

class PostgresJournal::Impl {
 public:
  Impl(PostgresOptions options, JournalObserver* observer, std::unique_ptr<Lease> lease)
      : options_(std::move(options)),
        observer_(observer),
        lease_(std::move(lease)),
        segments_(options_.segments),
        session_({.access = options_.access,
                  .application_name = kWriterName,
                  .stop = options_.stop,
                  .patience = options_.patience,
                  .on_overdue = [this](std::string_view reason) { Stalled(reason); }},
                 {.epoch = lease_->epoch(),
                  .lease_ms = options_.lease_ms,
                  .renewed = [this](Clock::time_point begun) { lease_->Renewed(begun); }}),
        writer_(session_, segments_),
        tidier_(session_, segments_, options_.tidy_lock_wait) {}

  absl::Status Recover(const RecordSink& sink);
  absl::Status Append(const Batch& batch);
  void Maintain();
  Clock::time_point OwnedUntil() const { return lease_->OwnedUntil(); }
  JournalFigures Figures() const;

 private:
  // Of which transaction the outcome is open when the session isn't ready.
  enum class Doubt { kNone, kBatch, kTidying };

  absl::Status Write(const Batch& batch);
  // Connects if there is need to, and settles what is in doubt.
  absl::Status GetReady();
  absl::Status Tidy(const TidyTask& task);
  // One attempt to make the batch durable, all that it needs included.
  absl::Status Attempt(const Batch& batch);
  // Makes attempts until one succeeds, or hope is gone. `trouble` is why it is to be tried.
  template <typename Try>
  absl::Status SitOut(absl::Status trouble, Try attempt);
  void Stalled(std::string_view reason);
  void Resumed();

  const PostgresOptions options_;
  JournalObserver* const observer_;
  const std::unique_ptr<Lease> lease_;
  Segments segments_;
  Session session_;
  BatchWriter writer_;
  Tidier tidier_;
  LsnSequence lsns_;
  absl::Status failed_;  // the first error of an Append, which ends the journal's life
  bool recovered_ = false;
  Doubt doubt_ = Doubt::kNone;
  bool planned_ = false;  // the batch that is being appended
  bool durable_ = false;  // the same
  std::string told_;      // the reason that the observer knows; "" while all is well
  Clock::time_point tidy_from_{};
  std::string hindered_by_;  // the last reason why tidying failed

  // For Figures:
  std::atomic<uint64_t> segment_count_{0};
  std::atomic<uint64_t> fenced_writes_{0};
};

absl::Status PostgresJournal::Impl::GetReady() {
  if (session_.ready()) return absl::OkStatus();
  const absl::StatusOr<bool> took_effect = session_.Resume();
  if (!took_effect.ok()) return took_effect.status();
  const Doubt doubt = std::exchange(doubt_, Doubt::kNone);
  if (!*took_effect) return absl::OkStatus();
  if (doubt == Doubt::kTidying) tidier_.Committed();
  if (doubt == Doubt::kBatch) {
    writer_.Committed();
    durable_ = true;
  }
  return absl::OkStatus();
}

template <typename Try>
absl::Status PostgresJournal::Impl::SitOut(absl::Status trouble, Try attempt) {
  std::chrono::milliseconds pause = options_.retry_first;
  while (MayPass(trouble)) {
    Stalled({trouble.message().data(), trouble.message().size()});
    if (!WaitUnlessStopped(options_.stop, pause)) {
      return absl::CancelledError(absl::StrCat("stopped while waiting: ", trouble.message()));
    }
    pause = std::min(pause * 2, options_.retry_most);
    trouble = attempt();
  }
  return trouble;
}

absl::Status PostgresJournal::Impl::Recover(const RecordSink& sink) {
  const auto connect = [this]() -> absl::StatusOr<Link*> {
    absl::Status status = GetReady();
    if (MayPass(status)) status = SitOut(std::move(status), [this] { return GetReady(); });
    if (!status.ok()) return status;
    return &session_.link();
  };
  if (absl::Status status = RecoverAll(connect, sink, segments_); !status.ok()) return status;
  segments_.Start();
  segment_count_ = segments_.size();
  recovered_ = true;
  Resumed();
  return absl::OkStatus();
}

absl::Status PostgresJournal::Impl::Append(const Batch& batch) {
  if (!failed_.ok()) return failed_;
  failed_ = Write(batch);
  if (absl::IsAborted(failed_)) ++fenced_writes_;
  return failed_;
}

JournalFigures PostgresJournal::Impl::Figures() const {
  return {.segments = segment_count_,
          .epoch = static_cast<uint64_t>(lease_->epoch()),
          .fenced_writes = fenced_writes_};
}

absl::Status PostgresJournal::Impl::Write(const Batch& batch) {
  if (absl::Status taken = lsns_.Take(batch.lsn); !taken.ok()) return taken;
  if (batch.records.empty()) return absl::OkStatus();
  if (!recovered_) {
    // Without it nobody knows where messages lie.
    absl::Status status = Recover([](const Record& /*record*/) { return absl::OkStatus(); });
    if (!status.ok()) return status;
  }
  planned_ = durable_ = false;
  absl::Status status = Attempt(batch);
  // A connection that broke while nothing was to be written is no trouble yet.
  const bool broken = MayPass(status) && !session_.ready();
  if (broken && !options_.stop.stop_requested()) status = Attempt(batch);
  if (MayPass(status)) status = SitOut(std::move(status), [&] { return Attempt(batch); });
  if (status.ok()) Resumed();
  return status;
}

absl::Status PostgresJournal::Impl::Attempt(const Batch& batch) {
  if (absl::Status status = GetReady(); !status.ok() || durable_) return status;
  while (segments_.current() == 0) {
    if (absl::Status status = Tidy(*segments_.NextTask()); !status.ok()) return status;
  }
  if (!planned_) {
    if (absl::Status status = writer_.Plan(batch); !status.ok()) return status;
    planned_ = true;
  }
  if (writer_.empty()) return absl::OkStatus();
  absl::Status status = writer_.Write();
  if (status.ok()) {
    writer_.Committed();
  } else if (!session_.ready()) {
    doubt_ = Doubt::kBatch;
  }
  return status;
}

void PostgresJournal::Impl::Stalled(std::string_view reason) {
  if (told_ == reason) return;
  told_ = std::string(reason);
  if (observer_ != nullptr) observer_->OnStalled(told_);
}

void PostgresJournal::Impl::Resumed() {
  if (told_.empty()) return;
  told_.clear();
  if (observer_ != nullptr) observer_->OnResumed();
}

absl::Status PostgresJournal::Impl::Tidy(const TidyTask& task) {
  absl::Status status = tidier_.Run(task);
  if (status.ok()) {
    tidier_.Committed();
    segment_count_ = segments_.size();
  } else if (!session_.ready()) {
    doubt_ = Doubt::kTidying;
  }
  return status;
}

void PostgresJournal::Impl::Maintain() {
  if (!failed_.ok() || !session_.ready() || Clock::now() < tidy_from_) return;
  const std::optional<TidyTask> task = segments_.NextTask();
  if (!task) return;
  if (const absl::Status status = Tidy(*task); !status.ok()) {
    tidy_from_ = Clock::now() + options_.tidy_pause;
    if (observer_ != nullptr && hindered_by_ != status.message()) {
      hindered_by_ = std::string(status.message());
      observer_->OnHindered(hindered_by_);
    }
  }
  // If it waited for so long that this was told, publishers are held, and there may be no next
  // batch to tell that it goes on.
  Resumed();
}

absl::StatusOr<std::unique_ptr<PostgresJournal>> PostgresJournal::Open(PostgresOptions options,
                                                                       JournalObserver* observer) {
  {
    const absl::StatusOr<std::unique_ptr<Link>> link = Link::Connect({.access = options.access,
                                                                      .application_name = "warren schema",
                                                                      .stop = options.stop,
                                                                      .patience = options.patience});
    if (!link.ok()) return link.status();
    if (absl::Status migrated = Migrate(**link, options.access); !migrated.ok()) return migrated;
  }
  absl::StatusOr<std::unique_ptr<Lease>> lease = Lease::Take(
      {.access = options.access,
       .lease_ms = options.lease_ms,
       .advertise = options.advertise,
       .stop = options.stop},
      observer);
  if (!lease.ok()) return lease.status();
  return std::unique_ptr<PostgresJournal>(new PostgresJournal(
      std::make_unique<Impl>(std::move(options), observer, *std::move(lease))));
}

PostgresJournal::PostgresJournal(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PostgresJournal::~PostgresJournal() = default;

absl::Status PostgresJournal::Recover(const RecordSink& sink) { return impl_->Recover(sink); }
absl::Status PostgresJournal::Append(const Batch& batch) { return impl_->Append(batch); }
void PostgresJournal::Maintain() { impl_->Maintain(); }
std::chrono::steady_clock::time_point PostgresJournal::OwnedUntil() const {
  return impl_->OwnedUntil();
}
JournalFigures PostgresJournal::Figures() const { return impl_->Figures(); }

}  // namespace warren::storage
