#include "storage/postgres/access.h"

#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/contract/temporary_directory.h"

namespace warren::storage {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Parameters(const PostgresAccess& access) {
  const auto parameters = ConnectionString(access, "warren");
  EXPECT_TRUE(parameters.ok()) << parameters.status();
  return parameters.value_or("");
}

void WriteFile(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

TEST(ConnectionString, KeepsWhatTheUrlSaysAndAddsLimits) {
  const std::string parameters = Parameters(
      {.url = "postgresql://me:p%27w%5C@one,two:5433/shop?sslmode=verify-full&connect_timeout=9"});
  EXPECT_THAT(parameters,
              AllOf(HasSubstr("user='me'"), HasSubstr("password='p\\'w\\\\'"),
                    HasSubstr("host='one,two'"), HasSubstr("dbname='shop'"),
                    HasSubstr("sslmode='verify-full'"), HasSubstr("connect_timeout='9'"),
                    HasSubstr("tcp_user_timeout='10000'"), HasSubstr("application_name='warren'"),
                    HasSubstr("client_encoding='UTF8'"), Not(HasSubstr("connect_timeout='5'"))));
}

TEST(ConnectionString, PasswordFileIsReadAnewEachTime) {
  const TemporaryDirectory directory;
  const PostgresAccess access{.url = "postgres://me:old@host/db",
                              .password_file = directory.path() + "/password"};
  WriteFile(access.password_file, "first\n");
  EXPECT_THAT(Parameters(access), HasSubstr("password='first'"));
  WriteFile(access.password_file, " second \r\n");
  EXPECT_THAT(Parameters(access), HasSubstr("password=' second '"));
}

TEST(ConnectionString, PasswordFileThatIsNotThereIsNamed) {
  const absl::Status status =
      ConnectionString({.url = "postgres://h/d", .password_file = "/none/such"}, "x").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_THAT(std::string(status.message()), HasSubstr("/none/such"));
}

TEST(ConnectionString, WhatCantBeParsedIsRefusedWithoutShowingIt) {
  for (const char* url : {"postgres://me:secret%zz@host/db", "postgres://me:secret@[::1/db",
                          "postgres://h/d?secret=1", "postgres://me:secret@host:12x/db?a"}) {
    const absl::Status status = ConnectionString({.url = url}, "x").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << url;
    EXPECT_THAT(std::string(status.message()),
                AllOf(Not(HasSubstr("secret")), HasSubstr("postgres://user@host:5432/database")));
  }
}

TEST(Redacted, ShowsAllButPasswords) {
  EXPECT_EQ(Redacted("postgres://me:secret@one:5433,two/shop?sslmode=require&password=secret"),
            "postgres://me@one:5433,two/shop?sslmode=require");
  EXPECT_EQ(Redacted("postgresql://host/shop"), "postgres://host/shop");
  EXPECT_EQ(Redacted("postgres://me@%2Frun%2Fpg/shop"), "postgres://me@/shop?host=/run/pg");
  EXPECT_EQ(Redacted("postgres:///"), "postgres:///");
  EXPECT_EQ(Redacted("postgres://me:se%zzcret@host/db"), "postgres://...");
}

}  // namespace
}  // namespace warren::storage
