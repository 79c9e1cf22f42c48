#include "tests/scenarios/world.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/scenarios/commands.h"

namespace warren::scenarios {
namespace {

// A tick that needs more steps than this runs in circles.
constexpr int kStepsMax = 100'000;

}  // namespace

World::World() : now_ms_(kStartMs) { Restart(); }

Lines World::Run(const scenarios::Step& step) {
  lines_.clear();
  command_ = step.command;
  call_ = {};
  Arguments words(step.command);
  const std::string verb = words.Operand("command");
  const auto handler = Handlers().find(verb);
  if (handler == Handlers().end()) {
    Fail(absl::StrCat("no such command: ", verb));
  } else {
    (this->*handler->second)(words, step.details);
  }
  return std::move(lines_);
}

void World::Fail(std::string why) {
  malformed_ = true;
  lines_.push_back(absl::StrCat("malformed: ", why));
}

void World::Do(Arguments& words, core::Command command) {
  if (const std::string error = words.error(); !error.empty()) return Fail(error);
  Step(std::move(command));
  if (journal_is_auto_) SettleJournal();
}

void World::Step(core::Command command) {
  core::Effects effects;
  broker_->Step(now_ms_, std::move(command), effects);
  Print(effects);
  broker_->CheckInvariants();
}

void World::Print(const core::Effects& effects) {
  for (const core::Effect& effect : effects) {
    if (const auto* opened = std::get_if<core::PublisherOpened>(&effect)) {
      if (opened_implicitly_.contains(opened->publisher)) continue;
    }
    Lines lines = DescribeEffect(effect, names_, call_);
    if (ticking_) lines.front() = absl::StrCat("at ", now_ms_ - kStartMs, "ms: ", lines.front());
    lines_.insert(lines_.end(), lines.begin(), lines.end());
    if (const auto* closed = std::get_if<core::PublisherClosed>(&effect)) {
      std::erase_if(publishers_, [&](const auto& p) { return p.second.id == closed->publisher; });
    }
    if (const auto* delivered = std::get_if<core::Delivered>(&effect)) {
      if (!shown_.contains(delivered->consumer)) continue;
      const Lines properties = DescribeProperties(*delivered->delivery.message);
      lines_.insert(lines_.end(), properties.begin(), properties.end());
    }
  }
}

// ---- The journal ----

void World::TakeBatch() { in_flight_.push_back(broker_->TakeBatch()); }

void World::WriteOldest() {
  const storage::Batch batch = std::move(in_flight_.front());
  in_flight_.pop_front();
  DescribeBatch(batch, names_);  // for the names
  durable_.Apply(batch);
  written_ = batch.lsn;
}

void World::MakeOldestDurable() {
  WriteOldest();
  Step(core::Durable{written_});
}

void World::SettleJournal() {
  while (!in_flight_.empty() || broker_->HasPendingRecords()) {
    if (in_flight_.empty()) TakeBatch();
    MakeOldestDurable();
  }
}

void World::Restart() {
  in_flight_.clear();
  written_ = {};
  pages_.clear();
  moved_pages_.clear();
  publishers_.clear();
  consumers_.clear();
  broker_ = std::make_unique<core::Broker>(options_);
  const absl::Status status = durable_.Emit([this](storage::Record record) {
    return broker_->Restore(std::move(record), now_ms_);
  });
  if (!status.ok()) return Fail(absl::StrCat("recovery failed: ", status.message()));
  broker_->FinishRecovery(now_ms_);
  broker_->CheckInvariants();
  if (journal_is_auto_) SettleJournal();
}

// ---- Commands about the world ----

void World::Tick(Arguments& words, const Details&) {
  const bool late = words.Flag("late");
  const int64_t until_ms = now_ms_ + words.DurationOperand("duration");
  if (late) now_ms_ = until_ms;  // it hears of it with the next command
  if (late) return;
  if (const std::string error = words.error(); !error.empty()) return Fail(error);
  ticking_ = true;
  int steps = 0;
  for (bool last = false; !last; ++steps) {
    if (steps == kStepsMax) return Fail("time does not pass: the next deadline never moves on");
    const int64_t deadline_ms = broker_->NextDeadline().value_or(until_ms);
    last = deadline_ms >= until_ms;
    now_ms_ = std::max(now_ms_, std::min(deadline_ms, until_ms));
    Step(core::Tick{});
    if (journal_is_auto_) SettleJournal();
  }
  ticking_ = false;
}

void World::SetJournal(Arguments& words, const Details&) {
  journal_is_auto_ = words.Operand("auto or manual") == "auto";
  if (journal_is_auto_) SettleJournal();
}

void World::Take(Arguments&, const Details&) {
  if (!broker_->HasPendingRecords()) {
    lines_.push_back("nothing");
    return;
  }
  TakeBatch();
  const Lines lines = DescribeBatch(in_flight_.back(), names_);
  lines_.insert(lines_.end(), lines.begin(), lines.end());
}

void World::Written(Arguments&, const Details&) {
  if (in_flight_.empty()) return Fail("no batch is on its way");
  WriteOldest();
}

void World::Report(Arguments&, const Details&) {
  if (!written_) return Fail("no batch has been written");
  Step(core::Durable{written_});
}

void World::Durable(Arguments&, const Details&) {
  if (in_flight_.empty()) {
    if (!broker_->HasPendingRecords()) return Fail("there is no batch to become durable");
    TakeBatch();
  }
  MakeOldestDurable();
}

// ---- The spill ----

void World::LimitMemory(Arguments& words, const Details&) {
  options_.page_out_above_bytes = words.NumberOperand("bytes");
  options_.page_window_messages =
      static_cast<uint32_t>(words.Number("window", options_.page_window_messages));
  if (const std::string error = words.error(); !error.empty()) return Fail(error);
  Restart();
}

void World::MovePages(Arguments& words, const Details&) {
  const bool full = words.Flag("full");
  if (const std::string error = words.error(); !error.empty()) return Fail(error);
  core::PageWork work = broker_->TakePageWork();
  core::Paged moved;
  for (core::PageOut& out : work.out) {
    const storage::SpillHandle page{full ? 0 : ++last_id_};
    if (page) pages_[page.value] = std::move(out.content);
    moved.out.push_back({out.id, page});
  }
  for (const core::PageIn& in : work.in) {
    moved.in.push_back({in.id, std::move(pages_.extract(in.page.value).mapped())});
  }
  for (const storage::SpillHandle page : work.dropped) pages_.erase(page.value);
  lines_.push_back(absl::StrCat(work.out.size(), " out, ", work.in.size(), " in, ",
                                work.dropped.size(), " dropped"));
  if (!work.out.empty() || !work.in.empty()) moved_pages_.push_back(std::move(moved));
}

void World::ReportPages(Arguments& words, const Details&) {
  if (moved_pages_.empty()) return Fail("no pages have been moved");
  core::Paged moved = std::move(moved_pages_.front());
  moved_pages_.pop_front();
  Do(words, std::move(moved));
}

void World::BeginShutdown(Arguments& words, const Details&) { Do(words, core::BeginShutdown{}); }

void World::FinishShutdown(Arguments& words, const Details&) { Do(words, core::FinishShutdown{}); }

void World::Stop(Arguments&, const Details&) {
  Step(core::BeginShutdown{});
  Step(core::FinishShutdown{});
  SettleJournal();
  Restart();
}

void World::Crash(Arguments&, const Details&) { Restart(); }

void World::ShowState(Arguments& words, const Details&) {
  std::set<std::string> wanted;
  for (std::string name = words.OptionalOperand(); !name.empty(); name = words.OptionalOperand()) {
    wanted.insert(name);
  }
  if (const std::string error = words.error(); !error.empty()) return Fail(error);
  for (const core::QueueView& queue : broker_->ListQueues()) {
    if (!wanted.empty() && !wanted.contains(queue.name)) continue;
    const Lines lines = DescribeQueue(queue, broker_->ListEntries(queue.id));
    lines_.insert(lines_.end(), lines.begin(), lines.end());
  }
}

void World::ShowUsage(Arguments& words, const Details&) {
  if (const std::string error = words.error(); !error.empty()) return Fail(error);
  const core::Usage& usage = broker_->usage();
  const std::pair<const char*, uint64_t> totals[] = {
      {"recovered", usage.recovered_total},
      {"enqueued", usage.enqueued_total},
      {"unroutable", usage.unroutable_total},
      {"delivered", usage.delivered_total},
      {"redelivered", usage.redelivered_total},
      {"acked", usage.acked_total},
      {"requeued", usage.requeued_total},
      {"expired", usage.expired_total},
      {"rejected", usage.rejected_total},
      {"overflowed", usage.overflowed_total},
      {"exhausted", usage.exhausted_total},
      {"removed", usage.removed_total},
      {"moved", usage.moved_total},
      {"dead-lettered", usage.dead_lettered_total},
      {"dead letters lost", usage.dead_letters_lost_total},
  };
  for (const auto& [name, total] : totals) {
    if (total > 0) lines_.push_back(absl::StrCat(name, ": ", total));
  }
}

}  // namespace warren::scenarios
