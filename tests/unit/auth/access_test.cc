#include "server/auth/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/auth/made.h"

namespace warren::auth {
namespace {

using ::testing::HasSubstr;

TEST(Access, WithoutUsersEverythingIsPermitted) {
  EXPECT_TRUE(Access().MayEnter("nowhere").ok());
  EXPECT_TRUE(Access().May(Permission::kWrite, {"exchange", "e", "nowhere"}).ok());
}

TEST(Access, ARefusalNamesUserPermissionObjectAndRemedy) {
  const AccessPtr access = AccessOf(MadeUser("anna", "^a", "^b", "^c"));
  const absl::Status status = access->May(Permission::kRead, {"queue", "bills", "/"});
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(status.message(),
            "user \"anna\" may not read queue \"bills\" in \"/\": its pattern \"^c\" doesn't match; "
            "change it in auth.users");
  const ErrorInfo info = ErrorInfoOf(status);
  EXPECT_EQ(info.reason, "ACCESS_REFUSED");
  EXPECT_EQ(info.metadata.at("user"), "anna");
  EXPECT_EQ(info.metadata.at("permission"), "read");
  EXPECT_EQ(info.metadata.at("kind"), "queue");
  EXPECT_EQ(info.metadata.at("name"), "bills");
  EXPECT_EQ(PermissionOf(status), Permission::kRead);
}

TEST(Access, OtherVirtualHostsAreClosed) {
  const AccessPtr access = AccessOf(MadeUser("anna", ".*", ".*", ".*"));
  EXPECT_TRUE(access->MayEnter("/").ok());
  const absl::Status status = access->May(Permission::kWrite, {"exchange", "e", "other"});
  EXPECT_EQ(PermissionOf(status), Permission::kVirtualHost);
  EXPECT_EQ(access->MayEnter("other").code(), absl::StatusCode::kPermissionDenied);
}

TEST(Access, TheDefaultExchangeIsCalledAmqDefault) {
  EXPECT_TRUE(AccessOf(MadeUser("a", "", "^amq\\.default$", ""))
                  ->May(Permission::kWrite, {"exchange", "", "/"}).ok());
  const absl::Status status =
      AccessOf(MadeUser("a", "", "^$", ""))->May(Permission::kWrite, {"exchange", "", "/"});
  EXPECT_THAT(std::string(status.message()), HasSubstr("amq.default"));
}

}  // namespace
}  // namespace warren::auth
