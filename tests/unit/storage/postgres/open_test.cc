// What OpenJournal does about a database that isn't there, for now or at all.
#include "storage/open.h"

#include <memory>
#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "tests/support/postgres_server.h"
#include "tests/unit/storage/postgres/listener.h"

namespace warren::storage {
namespace {

using ::warren::testing::PostgresServer;

class OpenPostgres : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!PostgresServer::Installed()) GTEST_SKIP() << PostgresServer::kNotInstalled;
  }
};

TEST_F(OpenPostgres, WaitsForADatabaseThatIsStartedLater) {
  PostgresServer& server = PostgresServer::Shared();
  const std::string url = server.CreateDatabase();
  server.Stop();
  Listener listener;
  absl::StatusOr<std::unique_ptr<Journal>> journal;
  std::thread opener([&] { journal = OpenJournal({.url = url, .observer = &listener}); });
  EXPECT_NE(listener.AwaitStalled(), "");
  const absl::Status started = server.Start();
  opener.join();
  ASSERT_TRUE(started.ok()) << started;
  ASSERT_TRUE(journal.ok()) << journal.status();
  EXPECT_EQ(listener.AwaitResumed(), "resumed");
  EXPECT_GT((*journal)->OwnedUntil(), std::chrono::steady_clock::now());
}

TEST_F(OpenPostgres, DoesNotWaitForWhatOnlyAPersonCanDo) {
  Listener listener;
  const absl::Status status =
      OpenJournal({.url = PostgresServer::Shared().Url("missing"), .observer = &listener}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_FALSE(listener.stalled());
}

}  // namespace
}  // namespace warren::storage
