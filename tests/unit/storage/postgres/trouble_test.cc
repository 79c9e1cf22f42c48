#include "storage/postgres/trouble.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/postgres/link.h"
#include "tests/support/postgres_server.h"

namespace warren::storage {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::warren::testing::PostgresServer;
using Code = absl::StatusCode;

void ExpectTrouble(const absl::Status& status, Code code, const std::string& state,
                   const std::string& what, const std::string& remedy) {
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(state), HasSubstr(what), HasSubstr(remedy), HasSubstr("postgres://"),
                    Not(HasSubstr("\n"))));
}

TEST(Trouble, EachKindHasItsCode) {
  const auto code = [](std::string_view state) {
    return SqlTrouble("where", "do", state, "what").code();
  };
  for (const char* state : {"", "08006", "08001", "25006", "40001", "40P01", "53000", "53100",
                            "53200", "53300", "53400", "55P03", "55006", "57014", "57P01", "57P02",
                            "57P03", "58000", "58030"}) {
    EXPECT_EQ(code(state), Code::kUnavailable) << state;
  }
  EXPECT_EQ(code("28P01"), Code::kUnauthenticated);
  EXPECT_EQ(code("28000"), Code::kUnauthenticated);
  EXPECT_EQ(code("42501"), Code::kPermissionDenied);
  for (const char* state : {"3D000", "3F000", "42P01", "42703", "42883"}) {
    EXPECT_EQ(code(state), Code::kFailedPrecondition) << state;
  }
  for (const char* state : {"58P01", "XX001", "XX002"}) {
    EXPECT_EQ(code(state), Code::kDataLoss) << state;
  }
  EXPECT_EQ(code(kStateDeposed), Code::kAborted);
  EXPECT_EQ(code(kStateBatchIsThere), Code::kAlreadyExists);
  EXPECT_EQ(code(kStateBatchOutOfOrder), Code::kInternal);
  EXPECT_EQ(code("22021"), Code::kInternal);
  EXPECT_EQ(code("XX000"), Code::kInternal);
}

TEST(Trouble, SaysWhereAndWhatAndWhatToDo) {
  EXPECT_EQ(SqlTrouble("postgres://h/d", "write", "53100", "could not extend file").message(),
            "postgres://h/d: can't write: could not extend file (SQLSTATE 53100); the server's "
            "disk is full; it goes on when there is room");
}

TEST(Trouble, NamesTheSettingThatBoundsLocks) {
  EXPECT_THAT(std::string(SqlTrouble("where", "read", "53200", "out of shared memory").message()),
              HasSubstr("raise max_locks_per_transaction"));
}

TEST(Trouble, MayPassWhileTheBrokerWaits) {
  for (const Code code : {Code::kUnavailable, Code::kUnauthenticated, Code::kPermissionDenied}) {
    EXPECT_TRUE(MayPass(absl::Status(code, ""))) << absl::StatusCodeToString(code);
  }
  for (const Code code : {Code::kOk, Code::kFailedPrecondition, Code::kAborted, Code::kDataLoss,
                          Code::kCancelled, Code::kInternal, Code::kInvalidArgument}) {
    EXPECT_FALSE(MayPass(absl::Status(code, ""))) << absl::StatusCodeToString(code);
  }
}

TEST(ConnectTrouble, OneHostThatMayComeBackCounts) {
  const char* refused = "connection to server at \"a\", port 5432 failed: Connection refused\n"
                        "\tIs the server running on that host?\n";
  const char* password = "connection to server at \"b\", port 5432 failed: FATAL:  28P01: password "
                         "authentication failed for user \"me\"\n"
                         "LOCATION:  auth_failed, auth.c:335\n";
  const char* starting = "connection to server at \"c\", port 5432 failed: FATAL:  57P03: the "
                         "database system is starting up\nLOCATION:  x, y.c:1\n";
  const auto code = [](const std::string& said) { return ConnectTrouble("where", said).code(); };
  EXPECT_EQ(code(refused), Code::kUnavailable);
  EXPECT_EQ(code(password), Code::kUnauthenticated);
  EXPECT_EQ(code(std::string(password) + password), Code::kUnauthenticated);
  EXPECT_EQ(code(std::string(refused) + password), Code::kUnavailable);
  EXPECT_EQ(code(std::string(password) + refused), Code::kUnavailable);
  EXPECT_EQ(code(std::string(password) + starting), Code::kUnavailable);
  EXPECT_EQ(code(""), Code::kUnavailable);
  EXPECT_THAT(ConnectTrouble("where", password).ToString(), Not(HasSubstr("auth.c")));
  EXPECT_THAT(ConnectTrouble("where", refused).ToString(), HasSubstr("refused Is the server"));
}

// What a real server says.
class ServerTrouble : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!PostgresServer::Installed()) GTEST_SKIP() << PostgresServer::kNotInstalled;
  }

  static PostgresServer& server() { return PostgresServer::Shared(); }
  static absl::StatusOr<std::unique_ptr<Link>> Connect(const std::string& url) {
    return Link::Connect({.access = {.url = url}});
  }
  static std::string Database(const std::string& url) { return url.substr(url.rfind('/') + 1); }
  // The trouble of a statement in a new database, after others.
  static absl::Status TroubleOf(const std::string& setup, const std::string& sql) {
    const std::string url = server().CreateDatabase();
    if (!setup.empty()) PostgresServer::Execute(url, setup);
    auto link = Connect(url);
    return link.ok() ? (*link)->Run(sql, "try it") : link.status();
  }
};

TEST_F(ServerTrouble, WrongPassword) {
  const auto strict = PostgresServer::Make({.access = {"local all secured scram-sha-256"}});
  ASSERT_TRUE(strict.ok()) << strict.status();
  PostgresServer::Execute((*strict)->Url("postgres"), "CREATE ROLE secured LOGIN PASSWORD 'right'");
  const std::string url = (*strict)->Url("postgres", "secured:guess");
  ExpectTrouble(Connect(url).status(), Code::kUnauthenticated, "28P01", "secured",
                "--storage-password-file");
  EXPECT_THAT(Connect(url).status().ToString(), Not(HasSubstr("guess")));
  // libpq itself misses it, so there is no SQLSTATE.
  ExpectTrouble(Connect((*strict)->Url("postgres", "secured")).status(), Code::kUnauthenticated,
                "no password supplied", "secured", "--storage-password-file");
  EXPECT_TRUE(Connect((*strict)->Url("postgres", "secured:right")).ok());
}

TEST_F(ServerTrouble, RoleThatIsNotThere) {
  ExpectTrouble(Connect(server().Url("postgres", "nobody_here")).status(), Code::kUnauthenticated,
                "28000", "nobody_here", "create the role");
}

TEST_F(ServerTrouble, MissingDatabase) {
  ExpectTrouble(Connect(server().Url("missing")).status(), Code::kFailedPrecondition, "3D000",
                "missing", "CREATE DATABASE");
}

TEST_F(ServerTrouble, TooManyConnections) {
  const std::string url = server().CreateDatabase();
  PostgresServer::Execute(url, "CREATE ROLE crowded LOGIN CONNECTION LIMIT 0");
  ExpectTrouble(Connect(server().Url(Database(url), "crowded")).status(), Code::kUnavailable,
                "53300", "crowded", "max_connections");
}

TEST_F(ServerTrouble, ServerThatIsNotThere) {
  ExpectTrouble(Connect("postgres://me@%2Fnone%2Fsuch/db").status(), Code::kUnavailable, "",
                "/none/such", "it is tried again");
}

TEST_F(ServerTrouble, MissingPermission) {
  const std::string url = server().CreateDatabase();
  PostgresServer::Execute(url, "CREATE ROLE poor LOGIN; CREATE TABLE treasure ()");
  auto link = Connect(server().Url(Database(url), "poor"));
  ASSERT_TRUE(link.ok()) << link.status();
  ExpectTrouble((*link)->Run("SELECT FROM public.treasure", "look"), Code::kPermissionDenied,
                "42501", "treasure", "ALTER SCHEMA warren OWNER TO");
}

TEST_F(ServerTrouble, TableThatIsGone) {
  ExpectTrouble(TroubleOf("", "SELECT FROM warren.messages"), Code::kFailedPrecondition, "42P01",
                "warren.messages", "restore them from a backup");
}

TEST_F(ServerTrouble, ReadOnlyServer) {
  ExpectTrouble(TroubleOf("CREATE TABLE t ()",
                          "SET transaction_read_only = on; INSERT INTO public.t DEFAULT VALUES"),
                Code::kUnavailable, "25006", "read-only", "target_session_attrs=read-write");
}

TEST_F(ServerTrouble, StatementTimeout) {
  ExpectTrouble(TroubleOf("", "SET statement_timeout = 50; SELECT pg_sleep(30)"),
                Code::kUnavailable, "57014", "statement timeout", "ALTER ROLE");
}

TEST_F(ServerTrouble, SomebodysLock) {
  const std::string url = server().CreateDatabase();
  PostgresServer::Execute(url, "CREATE TABLE t ()");
  auto holder = Connect(url);
  auto link = Connect(url);
  ASSERT_TRUE(holder.ok() && link.ok());
  // The link rolls transactions back that a script leaves open, so this one stays inside its COPY.
  (*holder)->Begin("BEGIN; LOCK TABLE public.t; COPY public.t FROM STDIN; COMMIT", "hold the lock");
  (*holder)->Put("");
  ExpectTrouble((*link)->Run("SET lock_timeout = '50ms'; SELECT FROM public.t", "look"),
                Code::kUnavailable, "55P03", "lock timeout", "pg_locks");
  (*holder)->Abandon();
}

TEST_F(ServerTrouble, SerializationFailure) {
  ExpectTrouble(TroubleOf("", "DO $$ BEGIN RAISE serialization_failure; END $$"),
                Code::kUnavailable, "40001", "can't try it", "it is tried again");
}

TEST_F(ServerTrouble, ConnectionThatIsCut) {
  const std::string url = server().CreateDatabase();
  auto link = Connect(url);
  ASSERT_TRUE(link.ok()) << link.status();
  ExpectTrouble((*link)->Run("SELECT pg_terminate_backend(pg_backend_pid())", "go on"),
                Code::kUnavailable, "57P01", "terminating connection", "it is tried again");
  ExpectTrouble((*link)->Run("SELECT 1", "go on"), Code::kUnavailable, "", "closed",
                "it is tried again");
}

}  // namespace
}  // namespace warren::storage
