#include "server/runtime/journal_writer.h"

#include <gtest/gtest.h>

#include <future>
#include <vector>

namespace warren::runtime {
namespace {

// Appends what it is told to, and fails from a given batch on.
class ScriptedJournal final : public storage::Journal {
 public:
  explicit ScriptedJournal(uint64_t fails_from = ~uint64_t{0}) : fails_from_(fails_from) {}

  absl::Status Recover(const storage::RecordSink&) override { return absl::OkStatus(); }
  absl::Status Append(const storage::Batch& batch) override {
    if (batch.lsn.value >= fails_from_) return absl::DataLossError("no more");
    appended.push_back(batch.lsn.value);
    return absl::OkStatus();
  }

  std::vector<uint64_t> appended;

 private:
  const uint64_t fails_from_;
};

TEST(JournalWriter, ReportsEachBatchOnceItIsDurable) {
  ScriptedJournal journal;
  Stats stats;
  std::vector<uint64_t> done;
  std::promise<void> written;
  {
    JournalWriter writer(journal, stats, [&](storage::Lsn lsn, const absl::Status& status) {
      EXPECT_TRUE(status.ok());
      done.push_back(lsn.value);
      written.set_value();
    });
    for (uint64_t i = 1; i <= 5; ++i) {
      writer.Write({.lsn = {i}, .records = {}, .bytes = 10});
      written.get_future().get();
      written = std::promise<void>();
    }
  }
  const std::vector<uint64_t> all = {1, 2, 3, 4, 5};
  EXPECT_EQ(journal.appended, all);
  EXPECT_EQ(done, all);
  EXPECT_EQ(stats.batches_written.value(), 5u);
  EXPECT_EQ(stats.bytes_written.value(), 50u);
}

TEST(JournalWriter, WritesNothingAfterAFailure) {
  ScriptedJournal journal(2);
  Stats stats;
  std::promise<absl::Status> second;
  {
    std::promise<void> first;
    JournalWriter writer(journal, stats, [&](storage::Lsn lsn, absl::Status status) {
      if (lsn.value == 1) first.set_value();
      if (lsn.value == 2) second.set_value(std::move(status));
    });
    writer.Write({.lsn = {1}});
    first.get_future().get();
    writer.Write({.lsn = {2}});
    EXPECT_EQ(second.get_future().get().code(), absl::StatusCode::kDataLoss);
    writer.Write({.lsn = {3}});
  }
  EXPECT_EQ(journal.appended, std::vector<uint64_t>{1});
}

}  // namespace
}  // namespace warren::runtime
