#include "tests/sim/world.h"

#include <algorithm>
#include <iostream>
#include <limits>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "tests/sim/describe.h"
#include "tests/sim/tell.h"

namespace warren::sim {
namespace {

constexpr size_t kInFlightMax = 4;
constexpr int kTicksMax = 10'000;

}  // namespace

World::World(uint64_t seed) : settings_(MakeSettings(seed)), accounts_(settings_.queues) {
  for (const char* id : {"alpha", "beta", ""}) {
    publishers_.push_back({.lane = *id != 0 ? id : "anonymous", .producer_id = id});
  }
  if (!settings_.paging) reference_ = std::make_unique<Reference>();
}

std::string World::Run(const Plan& plan) {
  Restore(0);
  for (const PlannedStep& step : plan) {
    if (!problem_.empty()) return problem_;
    Trace(NameOf(step.action));
    Act(step);
  }
  if (problem_.empty()) DrainAll();
  return problem_;
}

// ---- Plumbing ----

void World::Problem(const std::string& what) {
  if (problem_.empty() && !what.empty()) {
    problem_ = what;
    Trace("! " + what);
  }
}

void World::Trace(const std::string& line) {
  // FNV-1a.
  for (const char c : line) {
    trace_hash_ = (trace_hash_ ^ static_cast<uint8_t>(c)) * 1099511628211ULL;
  }
  if (print_) std::cout << now_ms_ << ' ' << line << std::endl;  // flushed: a check may end us
}

void World::Note(Event::Kind kind, const core::Command* command) {
  if (tell_) tell_({.kind = kind, .now_ms = now_ms_, .late = late_, .command = command});
  late_ = false;
}

bool World::NothingOnItsWay() const {
  return !broker_->HasPendingRecords() && disk_.in_flight() == 0 && disk_.committed() == reported_;
}

void World::Do(core::Command command, Of whose) {
  ++steps_;
  if (print_) {
    for (const std::string& line : Tell(command)) Trace("> " + line);
  }
  const bool of_journal_or_spill = std::holds_alternative<core::Durable>(command) ||
                                   std::holds_alternative<core::Paged>(command);
  if (!of_journal_or_spill) Note(Event::kCommand, &command);
  core::Effects effects;
  if (reference_ != nullptr) {
    const core::Command told =
        whose == Of::kFirstHost ? command : core::Command(core::Tick{});
    broker_->Step(now_ms_, std::move(command), effects);
    broker_->CheckInvariants();
    second_.Take(effects);
    Problem(reference_->Step(now_ms_, told, effects));
    if (problem_.empty()) Problem(reference_->Compare(*broker_));
    if (problem_.empty() && NothingOnItsWay()) Problem(reference_->CheckNobodyWaits());
  } else {
    broker_->Step(now_ms_, std::move(command), effects);
    broker_->CheckInvariants();
    second_.Take(effects);
  }
  Problem(second_.Check(*broker_, disk_.state()));
  for (const core::Effect& effect : effects) {
    Trace(Describe(effect));
    React(effect);
  }
  if (!accounts_.problems().empty() && KeepsAccounts()) Problem(accounts_.problems().front());
}

// ---- Clock ----

// Each deadline on the way is kept, on the millisecond.
void World::PassTime(int64_t ms) {
  const int64_t until_ms = now_ms_ + ms;
  for (int ticks = 0; problem_.empty(); ++ticks) {
    if (ticks == kTicksMax) return Problem("time doesn't pass: the next deadline never moves on");
    constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
    const int64_t told_ms = broker_->NextDeadline().value_or(kNever);
    const int64_t due_ms =
        reference_ != nullptr ? reference_->NextDeadline().value_or(kNever) : told_ms;
    if (due_ms < told_ms) {
      return Problem(absl::StrCat("the broker would sleep past ", due_ms, ", until ", told_ms));
    }
    const bool last = told_ms >= until_ms;
    now_ms_ = std::max(now_ms_, std::min(told_ms, until_ms));
    Do(core::Tick{});
    if (last) return;
  }
}

// A command may come before the tick that was due. The reference only knows what happens if no
// deadline is past, so for it this is a deadline's very millisecond.
void World::PassTimeLate(Random& random) {
  late_ = true;
  if (reference_ == nullptr) {
    now_ms_ += random.From(1, 40);
  } else if (const std::optional<int64_t> deadline_ms = broker_->NextDeadline()) {
    if (*deadline_ms < now_ms_ + 40) now_ms_ = std::max(now_ms_, *deadline_ms);
  }
}

// ---- The journal ----

void World::TakeBatch() {
  if (!broker_->HasPendingRecords() || disk_.in_flight() == kInFlightMax) return;
  Note(Event::kTake);
  storage::Batch batch = broker_->TakeBatch();
  Trace(absl::StrCat("batch ", batch.lsn.value, " of ", batch.records.size()));
  taken_ = batch.lsn.value;
  if (reference_ != nullptr) reference_->BatchTaken(taken_);
  disk_.Take(std::move(batch));
  Problem(disk_.problem());
}

void World::CommitBatch(Random& random) {
  if (disk_.in_flight() == 0) return;
  Note(Event::kCommit);
  disk_.CommitOldest(random);
  Problem(disk_.problem());
  if (reference_ != nullptr) reference_->BatchCommitted(disk_.committed());
}

void World::Report() {
  if (disk_.committed() == reported_) return;
  Note(Event::kReport);
  reported_ = disk_.committed();
  Do(core::Durable{{reported_}});
}

std::unique_ptr<core::Broker> World::Recover() {
  auto broker = std::make_unique<core::Broker>(settings_.broker);
  const absl::Status status = disk_.state().Emit([&](storage::Record record) {
    return broker->Restore(std::move(record), now_ms_);
  });
  if (!status.ok()) Problem("recovery failed: " + status.ToString());
  broker->FinishRecovery(now_ms_);
  broker->CheckInvariants();
  return broker;
}

void World::Restore(uint64_t lsn) {
  Trace(absl::StrCat("start, with batches up to ", lsn));
  broker_ = Recover();
  if (!problem_.empty()) return;
  if (reference_ != nullptr) {
    Problem(reference_->CheckKnown(lsn, now_ms_, disk_.state()));
    Problem(reference_->Restart(lsn, now_ms_, *broker_));
  }
  Problem(second_.Restarted(*broker_));
  accounts_.Restarted();
  DeclareAll();
}

void World::Crash(Random& random) {
  // What has arrived, has; a transcript says so before it says that it crashed.
  const size_t in_flight = disk_.in_flight();
  const uint64_t lsn = disk_.Crash(random);
  Problem(disk_.problem());
  for (uint64_t left = in_flight; left > 0; --left) {
    // Batches are numbered one by one, so the arrived ones are those up to `lsn`.
    const uint64_t number = taken_ - left + 1;
    if (number <= lsn) Note(Event::kCommit);
  }
  Note(Event::kCrash);
  taken_ = 0;
  reported_ = 0;
  stopping_ = false;
  pages_.clear();
  moved_pages_.clear();
  for (Publisher& p : publishers_) p.open = p.deaf = false;
  consumers_.clear();
  commits_.clear();
  gets_.clear();
  leases_.clear();
  lease_acks_.clear();
  Restore(lsn);
}

void World::FinishStop(Random& random) {
  if (!stopping_) return;
  Do(core::FinishShutdown{});
  LetRest();
  if (reference_ == nullptr) CheckPrefix();
  Crash(random);
}

// A broker restored from what is on disk is what this one was when that was taken.
void World::CheckPrefix() {
  if (reference_ != nullptr) {
    const std::unique_ptr<core::Broker> recovered = Recover();
    Problem(reference_->CheckKnown(disk_.committed(), now_ms_, disk_.state()));
    return Problem(reference_->CheckRecovered(disk_.committed(), now_ms_, *recovered));
  }
  LetRest();
  if (!problem_.empty()) return;
  const std::unique_ptr<core::Broker> recovered = Recover();
  const auto durable = [](const core::Broker& broker, storage::QueueId id) {
    std::set<storage::MessageId> copies;
    for (const core::EntryView& e : broker.ListEntries(id)) {
      if (e.durable) copies.insert(e.message_id);
    }
    return copies;
  };
  for (const core::QueueView& queue : broker_->ListQueues()) {
    if (!queue.options.durable || queue.options.exclusive) continue;
    if (durable(*broker_, queue.id) != durable(*recovered, queue.id)) {
      Problem("recovered queue " + queue.name + " differs");
    }
  }
}

// ---- The spill ----

void World::MovePages(Random& random) {
  if (!broker_->HasPageWork()) return;
  Note(Event::kMovePages);
  core::PageWork work = broker_->TakePageWork();
  Trace(absl::StrCat("pages: ", work.out.size(), " out, ", work.in.size(), " in, ",
                     work.dropped.size(), " dropped"));
  core::Paged moved;
  for (core::PageOut& out : work.out) {
    const storage::SpillHandle page{random.Chance(95) ? next_id_++ : 0};
    if (page) pages_.emplace(page.value, std::move(out.content));
    moved.out.push_back({out.id, page});
  }
  const auto take = [this](storage::SpillHandle page) -> storage::MessagePtr {
    const auto it = pages_.find(page.value);
    if (it == pages_.end()) return nullptr;
    return std::move(pages_.extract(it).mapped());
  };
  for (const core::PageIn& in : work.in) {
    moved.in.push_back({in.id, take(in.page)});
    if (!moved.in.back().content) return Problem("a page was asked for that isn't there");
  }
  for (const storage::SpillHandle page : work.dropped) {
    if (!take(page)) Problem("a page was dropped that isn't there");
  }
  if (!moved.out.empty() || !moved.in.empty()) moved_pages_.push_back(std::move(moved));
}

void World::ReportPages() {
  if (moved_pages_.empty()) return;
  Note(Event::kReportPages);
  core::Paged moved = std::move(moved_pages_.front());
  moved_pages_.pop_front();
  Do(std::move(moved));
}

}  // namespace warren::sim
