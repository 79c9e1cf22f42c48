#include "storage/open.h"

#include <stop_token>
#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/contract/temporary_directory.h"

namespace warren::storage {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(OpenJournal, OpensEachBackend) {
  const TemporaryDirectory directory;
  for (const std::string& url : {std::string("memory:"), "rocksdb:" + directory.path() + "/a/b"}) {
    const auto journal = OpenJournal({.url = url});
    ASSERT_TRUE(journal.ok()) << url << ": " << journal.status();
    EXPECT_TRUE((*journal)->Append({.lsn = {1}, .records = {}}).ok());
  }
}

TEST(OpenJournal, UnknownSchemeNamesTheKnownOnes) {
  for (const char* url : {"", "rocksdb", "sqlite:/tmp/x", "/var/lib/warren"}) {
    const absl::Status status = OpenJournal({.url = url}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr(url), HasSubstr("memory:"), HasSubstr("rocksdb:PATH")));
  }
}

TEST(OpenJournal, SchemeWithTheWrongRestIsRefused) {
  EXPECT_EQ(OpenJournal({.url = "memory:x"}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(OpenJournal({.url = "rocksdb:"}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(OpenJournal, PathThatIsNoDirectoryIsNamed) {
  const absl::Status status = OpenJournal({.url = "rocksdb:/dev/null/store"}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("/dev/null/store"));
}

TEST(OpenJournal, DatabaseUrlThatCantBeParsedIsRefusedWithoutShowingIt) {
  for (const char* url : {"postgres:", "postgresql:x", "postgres://me:secret%zz@host/db"}) {
    const absl::Status status = OpenJournal({.url = url}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << url << status;
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr("postgres://user@host:5432/database"), Not(HasSubstr("secret"))));
  }
}

TEST(OpenJournal, WaitsForADatabaseUntilStopped) {
  class Stopper final : public JournalObserver {
   public:
    void OnStalled(std::string_view reason) override {
      heard = std::string(reason);
      stop.request_stop();
    }
    void OnResumed() override {}

    std::stop_source stop;
    std::string heard;
  };
  const TemporaryDirectory directory;
  Stopper stopper;
  const absl::Status status =
      OpenJournal({.url = "postgres://me@/db?host=" + directory.path(),
                   .observer = &stopper,
                   .stop = stopper.stop.get_token()})
          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_THAT(stopper.heard, AllOf(HasSubstr("postgres://me@"), HasSubstr("No such file")));
}

TEST(ShownUrl, HidesPasswords) {
  EXPECT_EQ(ShownUrl("rocksdb:/var/lib/warren"), "rocksdb:/var/lib/warren");
  EXPECT_EQ(ShownUrl("postgresql://me:secret@host/db"), "postgres://me@host/db");
  EXPECT_EQ(ShownUrl("postgress://me:secret@host/db"), "postgress://...");
}

}  // namespace
}  // namespace warren::storage
