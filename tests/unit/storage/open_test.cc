#include "storage/open.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/contract/temporary_directory.h"

namespace warren::storage {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(OpenJournal, OpensEachBackend) {
  const TemporaryDirectory directory;
  for (const std::string& url : {std::string("memory:"), "rocksdb:" + directory.path() + "/a/b"}) {
    const auto journal = OpenJournal(url, nullptr);
    ASSERT_TRUE(journal.ok()) << url << ": " << journal.status();
    EXPECT_TRUE((*journal)->Append({.lsn = {1}, .records = {}}).ok());
  }
}

TEST(OpenJournal, UnknownSchemeNamesTheKnownOnes) {
  for (const char* url : {"", "rocksdb", "sqlite:/tmp/x", "/var/lib/warren"}) {
    const absl::Status status = OpenJournal(url, nullptr).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr(url), HasSubstr("memory:"), HasSubstr("rocksdb:PATH")));
  }
}

TEST(OpenJournal, SchemeWithTheWrongRestIsRefused) {
  EXPECT_EQ(OpenJournal("memory:x", nullptr).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(OpenJournal("rocksdb:", nullptr).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(OpenJournal, PathThatIsNoDirectoryIsNamed) {
  const absl::Status status = OpenJournal("rocksdb:/dev/null/store", nullptr).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("/dev/null/store"));
}

}  // namespace
}  // namespace warren::storage
