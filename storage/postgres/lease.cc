#include "storage/postgres/lease.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "storage/postgres/eviction.h"
#include "storage/postgres/process_name.h"
#include "storage/wait.h"

namespace warren::storage {
namespace {

using std::chrono::milliseconds;

// Without an answer for that long, a lease that is being given up is left to run out.
constexpr milliseconds kPatience{1'000};
// Between attempts to renew.
constexpr milliseconds kRetryMost{1'000};

}  // namespace

LinkOptions Lease::LinkFor(const LeaseOptions& options, std::stop_token stop) {
  return {.access = options.access,
          .application_name = "warren lease",
          .stop = std::move(stop),
          .patience = kPatience,
          .on_overdue = nullptr};
}

Lease::Lease(LeaseOptions options, JournalObserver* observer) noexcept
    : options_(std::move(options)), length_(options_.lease_ms), observer_(observer) {}

absl::StatusOr<std::unique_ptr<Lease>> Lease::Take(LeaseOptions options,
                                                   JournalObserver* observer) {
  absl::StatusOr<std::unique_ptr<Link>> link = Link::Connect(LinkFor(options, options.stop));
  if (!link.ok()) return link.status();
  std::unique_ptr<Lease> lease(new Lease(std::move(options), observer));
  lease->link_ = *std::move(link);

  const LeaseOptions& chosen = lease->options_;
  std::string told;
  std::string waits_for;
  absl::StatusOr<bool> taken = lease->TryTake(waits_for);
  while (taken.ok() && !*taken) {
    if (observer != nullptr && told != waits_for) observer->OnStalled(told = waits_for);
    if (!WaitUnlessStopped(chosen.stop, chosen.look_every)) {
      return absl::CancelledError(absl::StrCat("stopped: ", waits_for));
    }
    taken = lease->TryTake(waits_for);
  }
  if (!taken.ok()) return taken.status();
  if (observer != nullptr && !told.empty()) observer->OnResumed();
  lease->thread_ = std::jthread([it = lease.get()](std::stop_token stop) { it->Run(stop); });
  return lease;
}

Lease::~Lease() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

Lease::Clock::time_point Lease::OwnedUntil() const {
  if (lost_.load()) return Clock::time_point::min();
  return Clock::time_point(Clock::duration(until_.load()));
}

void Lease::Renewed(Clock::time_point begun) {
  const Clock::rep until = (begun + length_).time_since_epoch().count();
  Clock::rep before = until_.load();
  while (before < until && !until_.compare_exchange_weak(before, until)) {
  }
}

absl::StatusOr<bool> Lease::TryTake(std::string& waits_for) {
  constexpr char kDoing[] = "take the lease of the schema warren";
  const absl::StatusOr<Link::Rows> found = link_->Query(
      "SELECT owner, epoch FROM warren.shards WHERE shard = 0", kDoing);
  if (!found.ok()) return found.status();
  if (found->empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        link_->where(), ": the row of warren.shards is gone; restore the schema warren from a "
        "backup, or DROP SCHEMA warren CASCADE and start the broker to begin anew"));
  }
  const std::vector<std::string>& row = found->front();
  const std::string& owner = row[0];
  // Asked on this side; the row must not have changed since.
  const std::string gone = IsGone(owner) ? absl::StrCat(" OR epoch = ", row[1]) : "";
  const std::string is_free =
      absl::StrCat("(owner IS NULL OR expires_at < clock_timestamp()", gone, ")");
  // A writer that hangs may hold the row itself.
  if (absl::Status evicted = EvictWriters(*link_, is_free); !evicted.ok()) return evicted;

  const Clock::time_point begun = Clock::now();
  const absl::StatusOr<Link::Rows> taken = link_->Query(
      absl::StrCat("UPDATE warren.shards SET owner = '", ThisProcess(),
                   "', epoch = epoch + 1, last_batch = 0, expires_at = clock_timestamp() + ",
                   options_.lease_ms, " * interval '1 millisecond' WHERE shard = 0 AND ", is_free,
                   " RETURNING epoch"),
      kDoing);
  if (!taken.ok()) return taken.status();
  if (taken->empty()) {
    waits_for = absl::StrCat(link_->where(), ": waiting for the lease, which ",
                             ProcessForPeople(owner),
                             " holds; this broker takes over when that one stops, or doesn't renew "
                             "its lease in time");
    return false;
  }
  if (!absl::SimpleAtoi(taken->front()[0], &epoch_)) return absl::InternalError("no epoch");
  Renewed(begun);
  return true;
}

void Lease::Run(std::stop_token stop) {
  const milliseconds retry = std::min(length_ / 10, kRetryMost);
  Clock::time_point next = OwnedUntil() - length_ * 2 / 3;
  while (WaitUnlessStopped(stop, next)) {
    next = OwnedUntil() - length_ * 2 / 3;
    if (next > Clock::now()) continue;  // a commit has renewed it
    const absl::Status status = Renew(stop);
    if (absl::IsAborted(status)) {
      lost_ = true;
      if (observer_ != nullptr) observer_->OnLost(status);
      return;
    }
    next = status.ok() ? OwnedUntil() - length_ * 2 / 3 : Clock::now() + retry;
  }
  if (link_ == nullptr || !link_->is_open() || GiveUp().ok()) return;
  // The server may have been started anew since the last renewal.
  auto link = Link::Connect(LinkFor(options_, stop));
  if (!link.ok()) return;
  link_ = *std::move(link);
  GiveUp().IgnoreError();  // then it runs out
}

absl::Status Lease::Renew(std::stop_token stop) {
  if (link_ == nullptr || !link_->is_open()) {
    link_.reset();
    auto link = Link::Connect(LinkFor(options_, stop));
    if (!link.ok()) return link.status();
    link_ = *std::move(link);
  }
  const Clock::time_point begun = Clock::now();
  const absl::StatusOr<Link::Rows> renewed = link_->Query(
      absl::StrCat("UPDATE warren.shards SET expires_at = clock_timestamp() + ", options_.lease_ms,
                   " * interval '1 millisecond' WHERE shard = 0 AND epoch = ", epoch_,
                   " RETURNING epoch"),
      "renew the lease");
  if (!renewed.ok()) return renewed.status();
  if (renewed->empty()) return WhoDeposed();
  Renewed(begun);
  return absl::OkStatus();
}

absl::Status Lease::WhoDeposed() {
  const absl::StatusOr<Link::Rows> found = link_->Query(
      "SELECT owner, epoch FROM warren.shards WHERE shard = 0", "see who has the lease");
  if (!found.ok()) return found.status();
  std::string whom = "nobody";
  if (!found->empty()) {
    const std::string& owner = found->front()[0];
    whom = absl::StrCat(owner.empty() ? "one that has stopped" : ProcessForPeople(owner),
                        " (epoch ", found->front()[1], ")");
  }
  return absl::AbortedError(absl::StrCat(
      link_->where(), ": this broker lost its lease (epoch ", epoch_, ") to ", whom,
      ": it was stopped or cut off for longer than the lease of ", options_.lease_ms,
      " ms; it has written nothing since. Start it again to stand by, or raise --lease if this "
      "happens without a fail-over"));
}

absl::Status Lease::GiveUp() {
  return link_->Run(absl::StrCat("UPDATE warren.shards SET owner = NULL, expires_at = "
                                 "clock_timestamp() WHERE shard = 0 AND epoch = ", epoch_),
                    "give the lease up");
}

}  // namespace warren::storage
