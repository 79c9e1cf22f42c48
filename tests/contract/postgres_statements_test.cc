// The PostgreSQL journal when SQL fails: every statement, piece of COPY data, end of a COPY and end of
// a pipeline of a short life, with an error of each class, ended by the server, and cut before and after; and
// tables that were damaged by hand.
//
// The loops are those of the fault matrix in docs/testing.md: a sample in `make test`, all of them
// in `make fault-matrix`.
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "tests/contract/fault_matrix.h"
#include "tests/contract/journal_life.h"
#include "tests/contract/postgres_fixture.h"
#include "tests/support/faulty_statements.h"

namespace warren::storage {
namespace {

using testing::FaultyStatements;
using testing::SqlFault;
using ::testing::AllOf;
using ::testing::HasSubstr;

class PostgresStatements : public PostgresFixture {
 protected:
  void SetUp() override {
    PostgresFixture::SetUp();
    if (!IsSkipped()) Execute(FaultyStatements::Preparation());
  }

  LifeOptions OptionsWith(FaultyStatements& faults) const {
    return {.open = [this]() -> absl::StatusOr<std::unique_ptr<Journal>> {
              PostgresOptions options = Options();
              // If giving it up is what failed, the next start waits for its end.
              options.lease_ms = 500;
              return PostgresJournal::Open(std::move(options), nullptr);
            },
            .mend = [&faults] { faults.Disarm(); },
            .where = "postgres",
            .batches_per_start = 8};
  }
  void DropAll() { Operator(url_).Run("DROP SCHEMA IF EXISTS warren CASCADE"); }

  const Script script_{seed_, 16, 6'000};
};

struct Failure {
  SqlFault fault;
  const char* state = "";
  bool passes = true;  // an Append sits it out
};

constexpr Failure kFailures[] = {
    {SqlFault::kRaise, "08006"},
    {SqlFault::kRaise, "25006"},
    {SqlFault::kRaise, "40001"},
    {SqlFault::kRaise, "40P01"},
    {SqlFault::kRaise, "42501"},
    {SqlFault::kRaise, "53100"},
    {SqlFault::kRaise, "53200"},
    {SqlFault::kRaise, "57014"},
    {SqlFault::kRaise, "57P01"},
    {SqlFault::kRaise, "XX001", false},
    {SqlFault::kRaiseAtCommit, "40001"},
    {SqlFault::kRaiseAtCommit, "53100"},
    {SqlFault::kEnd},
    {SqlFault::kCut},
    {SqlFault::kCutAfter},
};

// Goal: a failure anywhere loses and doubles nothing, passes if it can, and is clear if not.
TEST_F(PostgresStatements, AnyStatementMayFail) {
  constexpr uint64_t kSample = 60;
  uint64_t points = 0;
  {
    FaultyStatements faults;
    ASSERT_TRUE(JournalLife(script_, OptionsWith(faults)).Run());
    points = faults.points();
    DropAll();
  }
  const uint64_t all = points * std::size(kFailures);
  Sample sample(seed_, SampleSize(kSample, all), all);
  std::map<std::string, std::map<std::string, int>> by_failure;
  uint64_t tried = 0;
  uint64_t met = 0;
  for (uint64_t point = 1; point <= points; ++point) {
    for (const Failure& failure : kFailures) {
      if (!sample.Takes()) continue;
      ++tried;
      FaultyStatements faults;
      faults.Arm(point, failure.fault, failure.state);
      JournalLife life(script_, OptionsWith(faults));
      const ::testing::AssertionResult held = life.Run();
      const std::string what = absl::StrCat(NameOf(failure.fault), " ", failure.state,
                                            " at point ", point, ": ", faults.met());
      ASSERT_TRUE(held) << what;
      if (failure.passes) {
        EXPECT_EQ(life.append_endings(), 0) << what;
      }
      std::map<std::string, int>& outcomes =
          by_failure[absl::StrCat(NameOf(failure.fault), " ", failure.state)];
      if (faults.met().empty()) {
        ++outcomes["not met"];
      } else {
        ++met;
        for (const auto& [ending, times] : life.endings()) outcomes[ending] += times;
        if (life.endings().empty()) ++outcomes["sat out"];
      }
      DropAll();
    }
  }
  for (const auto& [name, outcomes] : by_failure) {
    std::cout << "  " << name << ":";
    for (const auto& [outcome, times] : outcomes) std::cout << " " << times << " " << outcome;
    std::cout << "\n";
  }
  ReportMatrix("PostgreSQL, statements that fail", tried, all, absl::StrCat(met, " met"));
  EXPECT_GT(met, tried / 2);
}

// Goal: the same for a batch that goes as a pipeline; each failure on a connection where the
// statements are prepared, and the batch after it on one where they may not be.
TEST_F(PostgresStatements, AnyPointOfAPipelineMayFail) {
  constexpr QueueId kQueue{1};
  PostgresOptions options = Options();
  options.segments.bytes = uint64_t{64} << 20;  // nothing is to be tidied
  auto journal = Begin(options);
  uint64_t id = 1'000;
  const auto append = [&] {
    ++id;
    AppendAll(*journal, {MessagePublished{{id}, MessageWithBody("m"), {{.queue = kQueue}}},
                         EntryUpdated{{id - 1}, {.queue = kQueue, .delivery_count = 1}},
                         EntryRemoved{{id - 2}, kQueue, true}});
  };
  AppendAll(*journal, {QueueDeclared{kQueue, "/", "q", {}}});
  FaultyStatements faults;
  for (int i = 0; i < 3 && !HasFatalFailure(); ++i) append();
  const uint64_t before = faults.points();
  append();
  const uint64_t points = faults.points() - before;
  ASSERT_EQ(points, 5) << "a message, two notes, commit_batch, the end";
  for (uint64_t point = 1; point <= points; ++point) {
    for (const Failure& failure : kFailures) {
      if (!failure.passes) continue;
      SCOPED_TRACE(absl::StrCat(NameOf(failure.fault), " ", failure.state, " at point ", point));
      faults.Arm(point, failure.fault, failure.state);
      append();
      ASSERT_FALSE(HasFatalFailure());
      EXPECT_NE(faults.met(), "");
      append();
      ASSERT_FALSE(HasFatalFailure());
    }
  }
  journal.reset();
  ExpectRecovered();
}

// A transaction of the tidier whose connection broke before the server came to it, and which the
// server does all the same while the next batch is under way: were its number free again, the batch
// would have it, find that it is there already, and be lost.
TEST_F(PostgresStatements, ATidyingThatCameLateDoesNotPassForTheNextBatch) {
  FaultyStatements faults;
  auto journal = Begin();
  AppendNext(*journal);
  faults.Withhold("make_segment");
  while (faults.withheld().empty() && !HasFatalFailure()) {
    AppendAll(*journal, {IdsReserved{1}, MessagePublished{{500'000 + lsn_.value},
                                                          MessageWithBody(std::string(6'000, 'x')),
                                                          {{.queue = {1}}}}});
  }
  bool came_late = false;
  faults.BeforeNext("INSERT INTO warren.messages", [&] {
    const std::unique_ptr<PGconn, decltype(&PQfinish)> late(PQconnectdb(url_.c_str()), &PQfinish);
    const std::unique_ptr<PGresult, decltype(&PQclear)> result(
        PQexec(late.get(), faults.withheld().c_str()), &PQclear);
    EXPECT_EQ(PQresultStatus(result.get()), PGRES_FATAL_ERROR)
        << "a transaction that was given up for lost has taken effect";
    came_late = true;
  });
  AppendAll(*journal, {MessagePublished{{1'000'000}, MessageWithBody("m"), {{.queue = {1}}}}});
  EXPECT_TRUE(came_late);
  for (int i = 0; i < 5 && !HasFatalFailure(); ++i) AppendNext(*journal);
  journal.reset();
  ExpectRecovered();
}

// Goal: recovery goes on when its connection breaks, at whatever row, and yields each record once.
TEST_F(PostgresStatements, RecoveryGoesOnAfterItsConnectionBroke) {
  auto journal = Begin();
  for (int i = 0; i < 30 && !HasFatalFailure(); ++i) AppendNext(*journal);
  journal.reset();
  constexpr uint64_t kSample = 40;
  constexpr SqlFault kBreaks[] = {SqlFault::kEnd, SqlFault::kCut, SqlFault::kCutAfter};
  FaultyStatements faults;
  uint64_t points = 0;
  uint64_t tried = 0;
  std::unique_ptr<Sample> sample;
  for (uint64_t point = 0; point <= points; ++point) {
    for (const SqlFault fault : kBreaks) {
      if (sample && !sample->Takes()) continue;
      ++tried;
      Observer observer;
      journal = OpenOrFail(&observer);
      ASSERT_TRUE(journal);
      const uint64_t before = faults.points();
      // Of connecting, too, and of what comes after a reconnection.
      if (point > 0) faults.Arm(point, fault);
      const std::vector<Record> recovered = Recovered(*journal);
      ASSERT_TRUE(InPromisedOrder(recovered)) << NameOf(fault) << " at point " << point;
      ASSERT_TRUE(SameState(recovered, Emitted(state_))) << NameOf(fault) << " at " << point;
      if (point == 0) {
        points = faults.points() - before;
        const uint64_t all = points * std::size(kBreaks);
        sample = std::make_unique<Sample>(seed_, SampleSize(kSample, all), all);
      }
      faults.Disarm();
      EXPECT_EQ(observer.stalls > 0, observer.resumes > 0);
      journal.reset();
    }
  }
  ReportMatrix("PostgreSQL, recoveries whose connection breaks", tried, points * std::size(kBreaks),
               "all went on");
}

TEST_F(PostgresStatements, AConnectionThatBreaksBetweenTwoRowsIsTakenUpThere) {
  // More than the buffers between the server and us hold, so that rows are lost with it.
  constexpr int kProducers = 10'000;
  auto journal = Begin();
  std::vector<Record> records = {QueueDeclared{{1}, "/", "q", {}}};
  for (int i = 0; i < kProducers; ++i) {
    const std::string name = std::to_string(i) + std::string(150, 'p');
    records.push_back(ProducerAdvanced{"/", name, static_cast<uint64_t>(i), 1, {}});
    records.push_back(MessageIdSeen{{}, {1}, name, 1});
  }
  AppendAll(*journal, std::move(records));
  journal.reset();
  const std::vector<Record> expected = Emitted(state_);
  for (const size_t at : {2, 50, kProducers + 100}) {
    journal = OpenOrFail();
    ASSERT_TRUE(journal);
    FaultyStatements faults;
    std::vector<Record> recovered;
    Operator other(url_);
    uint64_t points = 0;
    const absl::Status status = journal->Recover([&](Record record) {
      recovered.push_back(std::move(record));
      if (recovered.size() == at) {
        other.CutWriter();
        points = faults.points();
      } else if (recovered.size() == expected.size()) {
        EXPECT_GT(faults.points(), points + 10) << "the connection wasn't made anew";
      }
      return absl::OkStatus();
    });
    ASSERT_TRUE(status.ok()) << status;
    ASSERT_TRUE(SameState(recovered, expected)) << "cut at record " << at;
    journal.reset();
  }
}

TEST_F(PostgresStatements, AnErrorOfTheSinkEndsTheRecoveryAtOnce) {
  auto journal = Begin();
  for (int i = 0; i < 10 && !HasFatalFailure(); ++i) AppendNext(*journal);
  journal.reset();
  journal = OpenOrFail();
  int calls = 0;
  const absl::Status status = journal->Recover([&calls](const Record&) {
    ++calls;
    return absl::UnavailableError("no room for it");
  });
  EXPECT_EQ(status.message(), "no room for it");
  EXPECT_EQ(calls, 1);
}

// A server's table of locks has room for some thousands, and each partition that a query may touch
// takes one.
TEST_F(PostgresStatements, RecoveryNeedsNoLockForEachSegmentAtOnce) {
  auto server = testing::PostgresServer::Make(
      {.settings = {"max_locks_per_transaction = 10", "max_connections = 10",
                    "max_wal_senders = 0", "max_worker_processes = 0"},
       .access = {}});
  ASSERT_TRUE(server.ok()) << server.status();
  url_ = (*server)->CreateDatabase();
  auto journal = Begin();
  AppendNext(*journal);
  AppendAll(*journal, {MessagePublished{{1'000'000}, MessageWithBody("m"), {{.queue = {1}}}}});
  journal.reset();
  Operator other(url_);
  other.Run("DO $$ BEGIN FOR i IN 100 .. 750 LOOP PERFORM warren.make_segment(i, 'published'); "
            "COMMIT; END LOOP; END $$");
  const std::unique_ptr<PGconn, decltype(&PQfinish)> asker(PQconnectdb(url_.c_str()), &PQfinish);
  const std::unique_ptr<PGresult, decltype(&PQclear)> answer(
      PQexec(asker.get(), "SELECT count(*) FROM warren.messages"), &PQclear);
  ASSERT_STREQ(PQresultErrorField(answer.get(), PG_DIAG_SQLSTATE), "53200")
      << "there is room for more than the test thinks";
  ExpectRecovered();
}

// Goal: whatever is done to the tables by hand, the broker comes back as before or says what is
// wrong; with what it says.
TEST_F(PostgresStatements, DamageByHandIsNamedOrHarmless) {
  const struct {
    const char* damage;
    std::vector<std::string> named;  // empty: recovery is as before
  } kCases[] = {
      {"DELETE FROM warren.segments WHERE segment = {N}", {"warren.segments", "segment {N}"}},
      {"DROP TABLE warren.messages_{N}", {"segment {N}", "messages_{N}"}},
      {"DROP TABLE warren.settlements_{N}", {"segment {N}", "settlements_{N}"}},
      {"DROP TABLE warren.messages_{N}, warren.settlements_{N}", {"segment {N}"}},
      {"UPDATE warren.messages SET body = substr(body, 1, length(body) - 1) "
       "WHERE exact IS NOT NULL AND length(body) > 0", {"exact"}},
      {"UPDATE warren.messages SET exact = substr(exact, 1, 5) WHERE exact IS NOT NULL",
       {"exact", "cut off"}},
      {"UPDATE warren.queues SET record = substr(record, 1, length(record) - 1)",
       {"warren.queues"}},
      {"UPDATE warren.shards SET last_batch = last_batch - 1", {}},
      {"UPDATE warren.shards SET last_batch = 0, epoch = 0", {}},
      {"INSERT INTO warren.settlements SELECT 999999999, 1, seq, segment, 'r' FROM "
       "warren.settlements LIMIT 1", {}},
      {"UPDATE warren.messages SET properties = NULL, headers = NULL", {}},
      {"ALTER TABLE warren.messages DETACH PARTITION warren.messages_{N}", {}},
  };
  auto journal = Begin();
  for (int i = 0; i < 40 && !HasFatalFailure(); ++i) AppendNext(*journal);
  AppendAll(*journal, {EntryUpdated{{1'000}, {.queue = {1}}},
                       MessagePublished{{1'000'000}, MessageWithBody("m"),
                                        {{.queue = {1}}, {.queue = {2}}}},
                       EntryRemoved{{1'000'000}, {1}, false}});
  journal.reset();
  const std::string segment = Execute("SELECT max(segment) FROM warren.messages");
  const auto with_segment = [&segment](const std::string& text) {
    return absl::StrReplaceAll(text, {{"{N}", segment}});
  };
  const std::string sound = url_;
  for (const auto& [damage, named] : kCases) {
    SCOPED_TRACE(damage);
    const size_t end = sound.find('?');
    const size_t start = sound.rfind('/', end) + 1;
    url_ = testing::PostgresServer::Shared().CreateDatabase(
        "TEMPLATE " + sound.substr(start, end - start));
    Execute(with_segment(damage));
    if (named.empty()) {
      ExpectRecovered();
      continue;
    }
    auto damaged = PostgresJournal::Open(Options(), nullptr);
    absl::Status status = damaged.status();
    if (damaged.ok()) {
      status = (*damaged)->Recover([](const Record& /*record*/) { return absl::OkStatus(); });
    }
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    for (const std::string& name : named) {
      EXPECT_THAT(std::string(status.message()), HasSubstr(with_segment(name)));
    }
  }
}

}  // namespace
}  // namespace warren::storage
