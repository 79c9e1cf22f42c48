// The PostgreSQL journal in trouble: connections that are cut at any point of a commit, servers that
// stop, die, hang or run out of room, other owners. Nothing may be lost, doubled, or written by a
// broker that was deposed.
#include <atomic>
#include <stop_token>
#include <thread>

#include "gmock/gmock.h"
#include "tests/contract/postgres_fixture.h"

namespace warren::storage {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class PostgresFaults : public PostgresFixture {
 protected:
  // Appends a message, and what else the history has, while `meanwhile` runs on another thread.
  void AppendWhile(PostgresJournal& journal, const std::function<void()>& meanwhile) {
    std::vector<Record> records = history_.Next().records;
    records.push_back(MessagePublished{{1'000'000}, MessageWithBody("m"), {{.queue = {1}}}});
    const std::jthread other(meanwhile);
    AppendAll(journal, std::move(records));
  }
  // The same, and cuts its connection where it waits for what that statement has locked.
  void CutWhileLocked(PostgresJournal& journal, const std::string& lock) {
    Operator other(url_);
    other.Run("BEGIN; " + lock);
    AppendWhile(journal, [&] {
      other.AwaitWriterWaits("Lock");
      Operator third(url_);
      third.CutWriter();
      other.Run("ROLLBACK");
    });
  }
};

// A server of the test's own, since it is stopped.
class PostgresServerFaults : public PostgresFaults {
 protected:
  void SetUp() override {
    if (!testing::PostgresServer::Installed()) {
      GTEST_SKIP() << testing::PostgresServer::kNotInstalled;
    }
    auto server = testing::PostgresServer::Make();
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    url_ = server_->CreateDatabase();
  }

  // The server takes the new setting up at some moment after it was told to.
  void AwaitCommitsWaitForAStandby(Operator& other) {
    Operator probe(url_);
    probe.Run("SET application_name = 'probe'");
    probe.Send("CREATE TABLE public.probe_0 ()");
    for (int i = 1; other.Run("SELECT count(*) FROM pg_stat_activity WHERE application_name = "
                              "'probe' AND wait_event = 'SyncRep'") == "0";) {
      if (probe.IsOver()) probe.Send("CREATE TABLE public.probe_" + std::to_string(i++) + " ()");
    }
    other.Run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
              "WHERE application_name = 'probe'");
  }

  std::unique_ptr<testing::PostgresServer> server_;
};

TEST_F(PostgresFaults, ConnectionsCutAtAnyPointLoseAndDoubleNothing) {
  auto journal = Begin();
  std::atomic<int> begun = 0;
  std::atomic<int> seen = 0;
  const std::jthread cutter([&](const std::stop_token& stop) {
    Operator other(url_);
    Random random(seed_);
    while (!stop.stop_requested()) {
      if (begun == seen) continue;
      ++seen;
      // Some moment of the batch that begins now.
      for (uint64_t i = random() % 50; i > 0; --i) other.Run("SELECT 1");
      other.CutWriter();
    }
  });
  for (int i = 0; i < 100 && !HasFatalFailure(); ++i) {
    ++begun;
    while (seen != begun) std::this_thread::yield();
    AppendNext(*journal);
  }
  journal.reset();
  ExpectRecovered();
}

TEST_F(PostgresFaults, CutBetweenBatchesIsNoTrouble) {
  Observer observer;
  const auto journal = Begin(&observer);
  Operator other(url_);
  for (int i = 0; i < 10 && !HasFatalFailure(); ++i) {
    AppendNext(*journal);
    other.CutWriter();
  }
  EXPECT_EQ(observer.stalls, 0);
}

TEST_F(PostgresFaults, CutBeforeTheCommitRepeatsTheBatch) {
  auto journal = Begin();
  AppendNext(*journal);
  // The rows are written, the mark is not.
  CutWhileLocked(*journal, "SELECT 1 FROM warren.shards FOR UPDATE");
  journal.reset();
  ExpectRecovered();
}

TEST_F(PostgresFaults, CutWhileRowsAreWrittenRepeatsTheBatch) {
  auto journal = Begin();
  AppendAll(*journal, {MessagePublished{{1}, MessageWithBody("m"), {{.queue = {1}}}}});
  CutWhileLocked(*journal, "LOCK TABLE warren.messages IN SHARE MODE");
  journal.reset();
  ExpectRecovered();
}

TEST_F(PostgresServerFaults, CutAfterTheCommitDoesNotRepeatTheBatch) {
  auto journal = Begin();
  AppendNext(*journal);
  Operator other(url_);
  // A commit that is done, but isn't answered before a standby has it, and there is none.
  other.Run("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
  other.Run("SELECT pg_reload_conf()");
  AwaitCommitsWaitForAStandby(other);
  const std::string before = other.Run("SELECT last_batch FROM warren.shards");
  AppendWhile(*journal, [&] {
    other.Await("SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = "
                "'warren writer' AND wait_event = 'SyncRep'", "t");
    other.CutWriter();
    other.Await("SELECT last_batch > " + before + " FROM warren.shards", "t");
    other.Run("SET synchronous_commit = local");
    other.Run("ALTER SYSTEM RESET synchronous_standby_names");
    other.Run("SELECT pg_reload_conf()");
  });
  journal.reset();
  ExpectRecovered();
}

TEST_F(PostgresServerFaults, ServerThatStopsOrDiesIsSatOut) {
  for (const auto& stop :
       {&testing::PostgresServer::Stop, &testing::PostgresServer::StopImmediate,
        &testing::PostgresServer::Kill}) {
    Observer observer([this](int stalls) {
      if (stalls == 1) {
        ASSERT_TRUE(server_->Start().ok());
      }
    });
    auto journal = OpenOrFail(&observer);
    ASSERT_TRUE(journal);
    Recovered(*journal);
    for (int i = 0; i < 10 && !HasFatalFailure(); ++i) AppendNext(*journal);
    ((*server_).*stop)();
    for (int i = 0; i < 10 && !HasFatalFailure(); ++i) AppendNext(*journal);
    EXPECT_GE(observer.stalls, 1);
    EXPECT_EQ(observer.resumes, 1);
    journal.reset();
    ExpectRecovered();
  }
}

TEST_F(PostgresServerFaults, ServerThatDiesInTheMiddleLosesAndDoublesNothing) {
  auto journal = Begin();
  for (int round = 0; round < 3 && !HasFatalFailure(); ++round) {
    std::atomic<int> appended = 0;
    const std::jthread killer([&] {
      while (appended < 5) std::this_thread::yield();
      server_->Kill();
      ASSERT_TRUE(server_->Start().ok());
    });
    for (; appended < 40 && !HasFatalFailure(); ++appended) AppendNext(*journal);
  }
  journal.reset();
  ExpectRecovered();
}

TEST_F(PostgresServerFaults, HangingServerIsToldAndStopEndsTheWait) {
  std::stop_source stop;
  bool ending = false;
  Observer observer([&](int /*stalls*/) {
    if (ending) {
      stop.request_stop();
    } else {
      server_->Thaw();
    }
  });
  PostgresOptions options = Options();
  options.patience = std::chrono::milliseconds(200);
  options.stop = stop.get_token();
  auto journal = Begin(options, &observer);
  AppendNext(*journal);
  server_->Freeze();
  AppendNext(*journal);
  // A busy machine may make it wait again for as long, which is told, too.
  EXPECT_GE(observer.stalls, 1);
  EXPECT_GE(observer.resumes, 1);
  EXPECT_THAT(observer.last_reason, HasSubstr("no answer for 200 ms"));

  ending = true;
  server_->Freeze();
  const absl::Status stopped =
      journal->Append({.lsn = {lsn_.value + 1}, .records = {IdsReserved{1}}});
  server_->Thaw();
  EXPECT_EQ(stopped.code(), absl::StatusCode::kCancelled) << stopped;
}

TEST_F(PostgresServerFaults, StopEndsTheWaitForAServerThatIsDown) {
  std::stop_source stop;
  Observer observer([&stop](int) { stop.request_stop(); });
  PostgresOptions options = Options();
  options.stop = stop.get_token();
  options.retry_first = options.retry_most = std::chrono::hours(1);
  const auto journal = Begin(options, &observer);
  AppendNext(*journal);
  server_->StopImmediate();
  const absl::Status status =
      journal->Append({.lsn = {lsn_.value + 1}, .records = {IdsReserved{1}}});
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled) << status;
  EXPECT_EQ(journal->Append({.lsn = {lsn_.value + 2}, .records = {IdsReserved{2}}}), status)
      << "a journal that failed writes no later batch";
}

TEST_F(PostgresFaults, DeposedBrokerWritesNothing) {
  const auto journal = Begin();
  while (Execute("SELECT count(*) > 3 FROM warren.segments") == "f") AppendNext(*journal);
  Execute("UPDATE warren.shards SET epoch = epoch + 1, owner = 'another', last_batch = 0");
  const std::string before = Execute("SELECT string_agg(segment::text, ',') FROM warren.segments");
  for (int i = 0; i < 10; ++i) journal->Maintain();
  Batch batch = history_.Next();
  batch.lsn = {lsn_.value + 1};
  batch.records.push_back(IdsReserved{1});
  const absl::Status status = journal->Append(batch);
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("another"));
  journal->Maintain();
  EXPECT_EQ(Execute("SELECT string_agg(segment::text, ',') FROM warren.segments"), before);
  // The lease of the new owner is over when it gives the shard up.
  Execute("UPDATE warren.shards SET owner = NULL");
  ExpectRecovered();
}

TEST_F(PostgresFaults, BrokerThatIsDeposedInTheMiddleOfABatchWritesNoneOfIt) {
  for (const bool cut : {false, true}) {
    const auto journal = Begin();
    AppendNext(*journal);
    Operator other(url_);
    other.Run("BEGIN; UPDATE warren.shards SET epoch = epoch + 1, owner = 'another', "
              "last_batch = 0");
    absl::Status status;
    {
      const std::jthread meanwhile([&] {
        other.AwaitWriterWaits("Lock");
        Operator third(url_);
        if (cut) third.CutWriter();
        other.Run("COMMIT");
      });
      Batch batch = history_.Next();
      batch.lsn = {lsn_.value + 1};
      batch.records.push_back(IdsReserved{1});
      status = journal->Append(batch);
    }
    EXPECT_EQ(status.code(), absl::StatusCode::kAborted) << status;
    Execute("UPDATE warren.shards SET owner = NULL");
    ExpectRecovered();
    // Go on from what is there.
    history_ = History(seed_ + 1);
    state_ = LiveState();
    Operator(url_).Run("DROP SCHEMA warren CASCADE");
  }
}

// As after a fail-over to a standby that wasn't synchronous.
TEST_F(PostgresFaults, DatabaseThatWentBackInTimeEndsIt) {
  const auto journal = Begin();
  for (int i = 0; i < 5; ++i) AppendAll(*journal, {IdsReserved{10}});
  Operator other(url_);
  other.Run("UPDATE warren.shards SET last_batch = last_batch - 2");
  other.CutWriter();
  const absl::Status status =
      journal->Append({.lsn = {lsn_.value + 1}, .records = {IdsReserved{20}}});
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("back in time"));
}

TEST_F(PostgresFaults, TablesThatAreGoneEndIt) {
  const auto journal = Begin();
  AppendNext(*journal);
  Operator(url_).Run("DROP SCHEMA warren CASCADE");
  const absl::Status status =
      journal->Append({.lsn = {lsn_.value + 1}, .records = {IdsReserved{1}}});
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
}

}  // namespace
}  // namespace warren::storage
