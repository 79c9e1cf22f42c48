// What tests of the PostgreSQL journal have in common: a server, a database, a history and what it
// adds up to, and somebody else who is connected.
#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "storage/postgres/postgres_journal.h"
#include "tests/contract/observer.h"
#include "tests/contract/records.h"
#include "tests/support/postgres_server.h"

namespace warren::storage {

// A connection of somebody else, whose transactions last as long as they like.
class Operator {
 public:
  explicit Operator(const std::string& url) : connection_(PQconnectdb(url.c_str()), &PQfinish) {
    EXPECT_EQ(PQstatus(connection_.get()), CONNECTION_OK) << PQerrorMessage(connection_.get());
    Run("SET client_min_messages = error");
  }

  // The first column of the first row of the last result, or "".
  std::string Run(const std::string& sql) {
    const std::unique_ptr<PGresult, decltype(&PQclear)> result(
        PQexec(connection_.get(), sql.c_str()), &PQclear);
    const ExecStatusType status = PQresultStatus(result.get());
    EXPECT_TRUE(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        << sql << ": " << PQerrorMessage(connection_.get());
    return PQntuples(result.get()) > 0 ? PQgetvalue(result.get(), 0, 0) : "";
  }
  // Until the query yields that.
  void Await(const std::string& query, const std::string& expected) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (Run(query) != expected) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << query;
    }
  }
  // Until the journal's writer waits for something of that type.
  void AwaitWriterWaits(const std::string& type) {
    Await("SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'warren writer' "
          "AND wait_event_type = '" + type + "'",
          "t");
  }
  // Begins a statement, and tells whether it is over.
  void Send(const std::string& sql) { EXPECT_EQ(PQsendQuery(connection_.get(), sql.c_str()), 1); }
  bool IsOver() {
    EXPECT_EQ(PQconsumeInput(connection_.get()), 1);
    while (PQisBusy(connection_.get()) == 0) {
      PGresult* const result = PQgetResult(connection_.get());
      if (result == nullptr) return true;
      PQclear(result);
    }
    return false;
  }
  void CutWriter() {
    Run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'warren writer'");
  }

 private:
  const std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
};

class PostgresFixture : public ::testing::Test {
 protected:
  PostgresFixture() : seed_(TestSeed()), trace_(__FILE__, __LINE__, SeedTrace(seed_)) {}
  void SetUp() override {
    if (!testing::PostgresServer::Installed()) {
      GTEST_SKIP() << testing::PostgresServer::kNotInstalled;
    }
    url_ = testing::PostgresServer::Shared().CreateDatabase();
  }

  // Small segments, so that all that is done to them is done often.
  PostgresOptions Options() const {
    return {.access = {.url = url_},
            .retry_first = std::chrono::milliseconds(1),
            .retry_most = std::chrono::milliseconds(20),
            .tidy_pause = std::chrono::milliseconds(0),
            .segments = {.bytes = 20'000, .move_bytes = 3'000}};
  }
  std::unique_ptr<PostgresJournal> OpenOrFail(JournalObserver* observer = nullptr) const {
    return OpenOrFail(Options(), observer);
  }
  static std::unique_ptr<PostgresJournal> OpenOrFail(PostgresOptions options,
                                                     JournalObserver* observer = nullptr) {
    auto journal = PostgresJournal::Open(std::move(options), observer);
    EXPECT_TRUE(journal.ok()) << journal.status();
    return journal.ok() ? *std::move(journal) : nullptr;
  }

  // A journal of a store that is empty, ready to append.
  std::unique_ptr<PostgresJournal> Begin(PostgresOptions options,
                                         JournalObserver* observer = nullptr) const {
    auto journal = OpenOrFail(std::move(options), observer);
    if (journal) {
      EXPECT_TRUE(Recovered(*journal).empty());
    }
    return journal;
  }
  std::unique_ptr<PostgresJournal> Begin(JournalObserver* observer = nullptr) const {
    return Begin(Options(), observer);
  }

  // Appends a batch of the random history, and keeps what it adds up to.
  void AppendNext(PostgresJournal& journal) { AppendAll(journal, history_.Next().records); }
  void AppendAll(PostgresJournal& journal, std::vector<Record> records) {
    Batch batch{.lsn = lsn_ = {lsn_.value + 1}, .records = std::move(records)};
    const absl::Status status = journal.Append(batch);
    ASSERT_TRUE(status.ok()) << status;
    state_.Apply(batch);
    journal.Maintain();
  }
  // Opens a journal that finds all that was appended.
  void ExpectRecovered() {
    const auto journal = OpenOrFail();
    ASSERT_TRUE(journal);
    const std::vector<Record> recovered = Recovered(*journal);
    EXPECT_TRUE(InPromisedOrder(recovered));
    EXPECT_TRUE(SameState(recovered, Emitted(state_)));
    lsn_ = {};
  }
  std::string Execute(const std::string& sql) const {
    return testing::PostgresServer::Execute(url_, sql);
  }

  const uint64_t seed_;
  const ::testing::ScopedTrace trace_;
  std::string url_;
  History history_{seed_};
  LiveState state_;
  Lsn lsn_;
};

}  // namespace warren::storage
