#include "tests/contract/journal_life.h"

#include <utility>

namespace warren::storage {
namespace {

using ::testing::AssertionFailure;
using ::testing::AssertionResult;
using ::testing::AssertionSuccess;

// Above all ids of the history.
constexpr uint64_t kFirstBulky = 1'000'000;

}  // namespace

Script::Script(uint64_t seed, size_t batches_wanted, size_t body_bytes) {
  History history(seed);
  LiveState state;
  states.push_back(Emitted(state));
  for (uint64_t i = 0; i < batches_wanted; ++i) {
    Batch batch = history.Next();
    batch.records.push_back(MessagePublished{{kFirstBulky + i},
                                             MessageWithBody(std::string(body_bytes, 'b')),
                                             {{.queue = {1}}, {.queue = {2}}}});
    if (i >= 3) batch.records.push_back(EntryRemoved{{kFirstBulky + i - 3}, {1}, i % 2 == 0});
    state.Apply(batch);
    batches.push_back(std::move(batch));
    states.push_back(Emitted(state));
  }
}

AssertionResult JournalLife::HoldsAcknowledged(const Script& script, size_t acknowledged,
                                               const std::vector<Record>& recovered,
                                               size_t& batches) {
  batches = acknowledged;
  AssertionResult same = SameState(recovered, script.states[batches]);
  if (same || acknowledged + 1 == script.states.size()) return same;
  // The one that was under way may have made it.
  if (SameState(recovered, script.states[++batches])) return AssertionSuccess();
  return same << "; " << acknowledged << " batches were acknowledged";
}

AssertionResult JournalLife::Ended(const absl::Status& status) {
  ++endings_[absl::StatusCodeToString(status.code())];
  last_ending_ = status;
  const bool typed = absl::IsUnavailable(status) || absl::IsDataLoss(status) ||
                     absl::IsFailedPrecondition(status) || absl::IsPermissionDenied(status);
  const bool names_store = std::string(status.message()).find(options_.where) != std::string::npos;
  options_.mend();
  if (typed && names_store) return AssertionSuccess();
  return AssertionFailure() << "not a clear error: " << status;
}

AssertionResult JournalLife::Start(std::unique_ptr<Journal>& journal) {
  absl::Status last;
  for (int attempt = 0; attempt < 3; ++attempt) {
    journal.reset();
    auto opened = options_.open();
    last = opened.status();
    if (opened.ok()) {
      journal = *std::move(opened);
      std::vector<Record> records;
      last = journal->Recover([&records](Record record) {
        records.push_back(std::move(record));
        return absl::OkStatus();
      });
      if (last.ok()) return HoldsAcknowledged(script_, acknowledged_, records, acknowledged_);
    }
    if (AssertionResult clear = Ended(last); !clear) return clear;
  }
  return AssertionFailure() << "doesn't start although all was mended: " << last;
}

AssertionResult JournalLife::Run() {
  while (true) {
    std::unique_ptr<Journal> journal;
    if (AssertionResult started = Start(journal); !started) return started;
    if (acknowledged_ == script_.batches.size()) return AssertionSuccess();
    for (uint64_t i = 1; i <= options_.batches_per_start; ++i) {
      if (acknowledged_ == script_.batches.size()) break;
      Batch batch = script_.batches[acknowledged_];
      batch.lsn = {i};
      if (const absl::Status status = journal->Append(batch); !status.ok()) {
        ++append_endings_;
        if (AssertionResult clear = Ended(status); !clear) return clear;
        break;
      }
      options_.acknowledged(++acknowledged_);
      journal->Maintain();
    }
  }
}

}  // namespace warren::storage
