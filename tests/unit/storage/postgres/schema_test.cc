#include "storage/postgres/schema.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/postgres/link.h"
#include "storage/postgres/schema_scripts.h"
#include "tests/support/postgres_server.h"

namespace warren::storage {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::warren::testing::PostgresServer;

class Schema : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!PostgresServer::Installed()) GTEST_SKIP() << PostgresServer::kNotInstalled;
  }

  static absl::Status MigrateAt(const std::string& url) {
    auto link = Link::Connect({.access = {.url = url}});
    return link.ok() ? Migrate(**link, {.url = url}) : link.status();
  }
};

TEST_F(Schema, IsMadeOnceAndThenLeftAlone) {
  const std::string url = PostgresServer::Shared().CreateDatabase();
  ASSERT_TRUE(MigrateAt(url).ok()) << MigrateAt(url);
  PostgresServer::Execute(url, "UPDATE warren.shards SET last_batch = 7");
  ASSERT_TRUE(MigrateAt(url).ok());
  EXPECT_EQ(PostgresServer::Execute(url, "SELECT last_batch FROM warren.shards"), "7");
  EXPECT_EQ(PostgresServer::Execute(url, "SELECT max(version) FROM warren.schema_migrations"),
            std::to_string(SchemaScripts().size()));
}

// As a broker of that time left it.
TEST_F(Schema, OfTheFirstVersionIsUpgradedAndKeepsItsRows) {
  const std::string url = PostgresServer::Shared().CreateDatabase();
  PostgresServer::Execute(url,
                          "CREATE SCHEMA warren; CREATE TABLE warren.schema_migrations (version "
                          "int PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now()); "
                          "INSERT INTO warren.schema_migrations (version) VALUES (1)");
  PostgresServer::Execute(url, std::string(SchemaScripts()[0]));
  PostgresServer::Execute(url, "INSERT INTO warren.producers VALUES ('/', 'p', '/', 'p', 7, 1)");
  const absl::Status upgraded = MigrateAt(url);
  ASSERT_TRUE(upgraded.ok()) << upgraded;
  EXPECT_EQ(PostgresServer::Execute(url, "SELECT max(version) FROM warren.schema_migrations"),
            std::to_string(SchemaScripts().size()));
  EXPECT_EQ(PostgresServer::Execute(url, "SELECT p::text FROM warren.producers p"),
            "(\"\\\\x2f\",\"\\\\x70\",/,p,7,1,\"\")");
}

TEST_F(Schema, EachTableAndColumnSaysWhatItIs) {
  const std::string url = PostgresServer::Shared().CreateDatabase();
  ASSERT_TRUE(MigrateAt(url).ok());
  EXPECT_EQ(PostgresServer::Execute(url, R"(
      SELECT coalesce(string_agg(c.relname || '.' || a.attname, ', '), '')
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
       WHERE c.relnamespace = 'warren'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0
         AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid) IS NULL))"),
            "");
}

TEST_F(Schema, NewerThanTheBrokerIsRefused) {
  const std::string url = PostgresServer::Shared().CreateDatabase();
  ASSERT_TRUE(MigrateAt(url).ok());
  PostgresServer::Execute(url, "INSERT INTO warren.schema_migrations VALUES (9999)");
  const absl::Status status = MigrateAt(url);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("9999"), HasSubstr("start the newer broker")));
}

TEST_F(Schema, OtherEncodingIsRefused) {
  const std::string url =
      PostgresServer::Shared().CreateDatabase("ENCODING 'LATIN1' TEMPLATE template0");
  const absl::Status status = MigrateAt(url);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("LATIN1"), HasSubstr("ENCODING 'UTF8'")));
}

TEST_F(Schema, RoleThatMayNotCreateIsToldWhatToGrant) {
  PostgresServer& server = PostgresServer::Shared();
  const std::string url = server.CreateDatabase();
  PostgresServer::Execute(url, "CREATE ROLE guest LOGIN");
  const absl::Status status =
      MigrateAt(server.Url(url.substr(url.rfind('/') + 1), "guest"));
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("guest@"), HasSubstr("grant it CREATE")));
}

TEST_F(Schema, RoleThatOwnsItNeedsNoRightToCreate) {
  PostgresServer& server = PostgresServer::Shared();
  const std::string url = server.CreateDatabase();
  PostgresServer::Execute(url, "CREATE ROLE owner LOGIN; CREATE SCHEMA warren AUTHORIZATION owner");
  EXPECT_TRUE(MigrateAt(server.Url(url.substr(url.rfind('/') + 1), "owner")).ok());
}

// There is no old server to ask, so this stands on the check alone.
TEST(CheckServer, TooOldServerIsRefused) {
  EXPECT_TRUE(CheckServer("db", 130'000, "UTF8").ok());
  const absl::Status status = CheckServer("db", 120'017, "UTF8");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("PostgreSQL 12"), HasSubstr("13 or newer")));
}

}  // namespace
}  // namespace warren::storage
