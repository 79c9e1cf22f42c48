#include "storage/postgres/lease.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
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

// As a literal of SQL; addresses are plain text, which the configuration sees to.
std::string Literal(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "''"}}), "'");
}

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
  std::unique_ptr<Lease> lease(new Lease(std::move(options), observer));
  Lease& it = *lease;
  LinkOptions link_options = LinkFor(it.options_, it.options_.stop);
  // Whoever waits says so; later trouble is told by those who write.
  link_options.on_overdue = [&it](std::string_view reason) {
    if (!it.waits_ || it.observer_ == nullptr) return;
    it.overdue_ = true;
    it.observer_->OnStalled(reason);
  };
  absl::StatusOr<std::unique_ptr<Link>> link = Link::Connect(link_options);
  if (!link.ok()) return link.status();
  it.link_ = *std::move(link);
  if (absl::Status status = it.AwaitTurn(); !status.ok()) return status;
  it.thread_ = std::jthread([&it](std::stop_token stop) { it.Run(stop); });
  return lease;
}

absl::Status Lease::AwaitTurn() {
  std::optional<StoreOwner> told;
  while (true) {
    StoreOwner owner;
    const absl::StatusOr<bool> taken = TryTake(owner);
    if (!taken.ok()) return taken.status();
    if (*taken) break;
    if (observer_ != nullptr && (told != owner || std::exchange(overdue_, false))) {
      observer_->OnWaiting(*(told = owner));
    }
    if (!WaitUnlessStopped(options_.stop, options_.look_every)) {
      return absl::CancelledError(absl::StrCat("stopped while waiting for ", owner.name));
    }
  }
  waits_ = false;
  if (observer_ != nullptr && (told || overdue_)) observer_->OnResumed();
  return absl::OkStatus();
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

absl::StatusOr<bool> Lease::TryTake(StoreOwner& owner) {
  constexpr char kDoing[] = "take the lease of the schema warren";
  constexpr char kIsFree[] = "(owner IS NULL OR expires_at < clock_timestamp())";
  const absl::StatusOr<Link::Rows> found = link_->Query(
      absl::StrCat("SELECT owner, epoch, coalesce(address, ''), ", kIsFree,
                   " FROM warren.shards WHERE shard = 0"),
      kDoing);
  if (!found.ok()) return found.status();
  if (found->empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        link_->where(), ": the row of warren.shards is gone; restore the schema warren from a "
        "backup, or DROP SCHEMA warren CASCADE and start the broker to begin anew"));
  }
  const std::vector<std::string>& row = found->front();
  owner = {.name = ProcessForPeople(row[0]), .address = row[2]};
  // Asked on this side; the row must not have changed since.
  const bool gone = IsGone(row[0]);
  if (row[3] != "t" && !gone) return false;
  const std::string is_free =
      gone ? absl::StrCat("(", kIsFree, " OR epoch = ", row[1], ")") : kIsFree;
  // A writer that hangs may hold the row itself.
  if (absl::Status evicted = EvictWriters(*link_, is_free); !evicted.ok()) return evicted;

  const Clock::time_point begun = Clock::now();
  const absl::StatusOr<Link::Rows> taken = link_->Query(
      absl::StrCat("UPDATE warren.shards SET owner = '", ThisProcess(), "', address = nullif(",
                   Literal(options_.advertise), ", ''), epoch = epoch + 1, last_batch = 0, "
                   "expires_at = clock_timestamp() + ", options_.lease_ms,
                   " * interval '1 millisecond' WHERE shard = 0 AND ", is_free,
                   " RETURNING epoch"),
      kDoing);
  if (!taken.ok()) return taken.status();
  if (taken->empty()) {  // another one was quicker; the next look says which
    owner = {.name = "another broker", .address = ""};
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
  return link_->Run(absl::StrCat("UPDATE warren.shards SET owner = NULL, address = NULL, "
                                 "expires_at = clock_timestamp() WHERE shard = 0 AND epoch = ",
                                 epoch_),
                    "give the lease up");
}

}  // namespace warren::storage
