#include "server/auth/authenticator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <future>

#include "server/auth/password.h"
#include "server/base/error.h"

namespace warren::auth {
namespace {

using ::testing::HasSubstr;

class AuthenticatorTest : public ::testing::Test {
 protected:
  AuthenticatorTest() { InitialisePasswords(); }

  std::string Path() const {
    return ::testing::TempDir() + "/users-" +
           ::testing::UnitTest::GetInstance()->current_test_info()->name() + ".yaml";
  }

  void Write(const std::string& users) { std::ofstream(Path(), std::ios::trunc) << users; }

  // Anna with the password "anna" and a certificate.
  static std::string Anna(const std::string& write = ".*") {
    static const std::string kHash = HashPassword("anna");
    return "users:\n  anna:\n    password_hash: " + kHash +
           "\n    certificates: [cn:anna]\n    virtual_hosts: {/: {write: '" + write + "'}}\n";
  }

  void Start(ThrottleOptions throttle = {}) {
    auto opened = Authenticator::Open({.users_file = Path(), .throttle = throttle}, stats_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    authenticator_ = *std::move(opened);
  }

  absl::StatusOr<AccessPtr> LogIn(const Credentials& credentials) {
    std::promise<absl::StatusOr<AccessPtr>> answer;
    authenticator_->Verify(credentials, [&](absl::StatusOr<AccessPtr> access) {
      answer.set_value(std::move(access));
    });
    return answer.get_future().get();
  }

  std::string ReasonOf(const Credentials& credentials) {
    const auto access = LogIn(credentials);
    return access.ok() ? "" : ErrorInfoOf(access.status()).reason;
  }

  uint64_t Attempts(Mechanism mechanism, LoginResult result) const {
    return stats_.attempts[static_cast<size_t>(mechanism)][static_cast<size_t>(result)].load();
  }

  void WaitForGeneration(uint64_t before) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (authenticator_->generation() == before && std::chrono::steady_clock::now() < until) {
      std::this_thread::yield();
    }
    ASSERT_NE(authenticator_->generation(), before) << "never read anew";
  }

  const Credentials good_{.authorization = "Basic YW5uYTphbm5h", .address = "10.0.0.1"};
  const Credentials wrong_{.authorization = "Basic YW5uYTpiZXJ0", .address = "10.0.0.2"};
  Stats stats_;
  std::unique_ptr<Authenticator> authenticator_;
};

TEST_F(AuthenticatorTest, WithoutUsersEverybodyIsKnown) {
  const auto open = *Authenticator::Open({}, stats_);
  EXPECT_TRUE(open->open_to_all());
  EXPECT_TRUE(open->Known({})->everything());
}

storage::User Stored(const std::string& name, const std::string& password) {
  return {.name = name,
          .password_hash = HashPassword(password),
          .certificates = {"cn:" + name},
          .tags = {"administrator"},
          .permissions = {{.virtual_host = "/", .configure = "^own", .write = "", .read = ".*"}}};
}

TEST_F(AuthenticatorTest, TheFirstStoredUserClosesTheDoor) {
  authenticator_ = *Authenticator::Open({}, stats_);
  const AccessPtr everything = authenticator_->Known({});
  const uint64_t before = authenticator_->generation();
  authenticator_->OnUserChanged({.name = "anna", .user = Stored("anna", "anna")});
  EXPECT_FALSE(authenticator_->open_to_all());
  EXPECT_NE(authenticator_->generation(), before);
  EXPECT_EQ(authenticator_->Known({}), nullptr);
  EXPECT_EQ(ErrorInfoOf(authenticator_->Renew(everything).status()).reason, "LOGIN_ENDED");
  const auto access = LogIn(good_);
  ASSERT_TRUE(access.ok()) << access.status();
  EXPECT_TRUE((*access)->May(Permission::kConfigure, {"queue", "own.q", "/"}).ok());
  const absl::Status refusal = (*access)->May(Permission::kConfigure, {"queue", "q", "/"});
  EXPECT_THAT(std::string(refusal.message()), HasSubstr("AdminService"));
  EXPECT_EQ(ReasonOf(wrong_), "LOGIN_REFUSED");
}

TEST_F(AuthenticatorTest, NobodyLogsInAsBeforeAStoredUserChanged) {
  authenticator_ = *Authenticator::Open({}, stats_);
  authenticator_->Restore({{"anna", Stored("anna", "anna")}});
  const AccessPtr before = LogIn(good_).value_or(nullptr);
  ASSERT_NE(before, nullptr);
  EXPECT_NE(authenticator_->Known(good_), nullptr);
  authenticator_->OnUserChanged({.name = "anna", .user = Stored("anna", "bert")});
  EXPECT_EQ(authenticator_->Known(good_), nullptr);
  EXPECT_EQ(ReasonOf(good_), "LOGIN_REFUSED");
  EXPECT_EQ(ErrorInfoOf(authenticator_->Renew(before).status()).reason, "LOGIN_ENDED");
  EXPECT_EQ(ReasonOf(wrong_), "");
  authenticator_->OnUserChanged({.name = "anna", .user = std::nullopt});
  EXPECT_EQ(ReasonOf(wrong_), "LOGIN_REFUSED");
  EXPECT_FALSE(authenticator_->open_to_all()) << "opens no door that was closed";
}

TEST_F(AuthenticatorTest, UsersOfTheFileWinByNameAndCertificate) {
  Write(Anna());
  Start();
  storage::User bert = Stored("bert", "bert");
  bert.certificates = {"cn:anna", "cn:bert"};
  authenticator_->Restore({{"anna", Stored("anna", "stored")}, {"bert", bert}});
  const auto anna = LogIn(good_);
  ASSERT_TRUE(anna.ok()) << anna.status();
  EXPECT_TRUE((*anna)->user().configured);
  EXPECT_EQ((*LogIn({.certificates = {"cn:anna"}}))->user_name(), "anna");
  EXPECT_EQ((*LogIn({.certificates = {"cn:bert"}}))->user_name(), "bert");
}

TEST_F(AuthenticatorTest, PasswordsAreHashedForOthers) {
  authenticator_ = *Authenticator::Open({}, stats_);
  std::promise<std::string> made;
  authenticator_->Hash("anna", [&made](std::string hash) { made.set_value(std::move(hash)); });
  EXPECT_TRUE(PasswordMatches(made.get_future().get(), "anna"));
}

// A store of another time may have expressions that aren't any more.
TEST_F(AuthenticatorTest, AnExpressionThatIsNonePermitsNothing) {
  storage::User anna = Stored("anna", "anna");
  anna.permissions[0].read = "(";
  const User user = FromStored(anna);
  EXPECT_FALSE(user.virtual_hosts.at("/").read.Matches("q"));
  EXPECT_TRUE(user.virtual_hosts.at("/").configure.Matches("own.q"));
}

TEST_F(AuthenticatorTest, AGoodLoginIsKnownAfterwardsAndAWrongOneNever) {
  Write(Anna());
  Start();
  EXPECT_EQ(authenticator_->Known(good_), nullptr);
  const auto access = LogIn(good_);
  ASSERT_TRUE(access.ok()) << access.status();
  EXPECT_EQ((*access)->user_name(), "anna");
  EXPECT_EQ(authenticator_->Known(good_), *access);
  EXPECT_EQ(ReasonOf(wrong_), "LOGIN_REFUSED");
  EXPECT_EQ(authenticator_->Known(wrong_), nullptr);
  EXPECT_EQ(Attempts(Mechanism::kBasic, LoginResult::kAccepted), 1);
  EXPECT_EQ(Attempts(Mechanism::kBasic, LoginResult::kRefused), 1);
}

TEST_F(AuthenticatorTest, NobodySaysWhetherUserOrPasswordIsWrong) {
  Write(Anna());
  Start();
  const auto nobody = LogIn({.authorization = "Basic Y2FybDphbm5h", .address = "10.0.0.3"});
  EXPECT_EQ(nobody.status(), LogIn(wrong_).status());
}

TEST_F(AuthenticatorTest, CertificatesLogInTheirUserAlone) {
  Write(Anna());
  Start();
  EXPECT_EQ((*LogIn({.certificates = {"cn:anna"}, .address = "a"}))->mechanism(),
            Mechanism::kCertificate);
  EXPECT_EQ(ReasonOf({.certificates = {"cn:bert"}, .address = "a"}), "LOGIN_REFUSED");
  EXPECT_EQ(ReasonOf({.authorization = "odd", .certificates = {"cn:anna"}, .address = "a"}),
            "LOGIN_REFUSED") << "a wrong header falls back to the certificate";
  EXPECT_EQ(ReasonOf({.address = "a"}), "CREDENTIALS_MISSING");
  EXPECT_EQ(ReasonOf({.authorization = "Bearer x", .address = "a"}), "LOGIN_REFUSED");
}

TEST_F(AuthenticatorTest, GuessersAreThrottledAndOthersAreNot) {
  Write(Anna());
  Start({.burst = 3, .per_second = 0.001});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ReasonOf(wrong_), "LOGIN_REFUSED");
  for (int i = 0; i < 100; ++i) EXPECT_EQ(ReasonOf(wrong_), "LOGIN_THROTTLED");
  EXPECT_EQ(Attempts(Mechanism::kBasic, LoginResult::kThrottled), 100);
  EXPECT_TRUE(LogIn(good_).ok());
  // Who is known needn't be looked at, wherever they come from.
  Credentials neighbour = good_;
  neighbour.address = wrong_.address;
  EXPECT_NE(authenticator_->Known(neighbour), nullptr);
}

TEST_F(AuthenticatorTest, ChangedUsersCountAtOnceAndLoginsOfThoseThatAreGoneEnd) {
  Write(Anna());
  Start();
  const AccessPtr before = *LogIn(good_);
  EXPECT_EQ(*authenticator_->Renew(before), before);
  uint64_t generation = authenticator_->generation();
  Write(Anna("^only$"));
  WaitForGeneration(generation);
  EXPECT_EQ(authenticator_->Known(good_), nullptr);
  const auto renewed = authenticator_->Renew(before);
  ASSERT_TRUE(renewed.ok());
  EXPECT_FALSE((*renewed)->In("/")->write.matches_all());
  generation = authenticator_->generation();
  Write("users: {bert: {}}\n");
  WaitForGeneration(generation);
  EXPECT_EQ(ErrorInfoOf(authenticator_->Renew(before).status()).reason, "LOGIN_ENDED");
  EXPECT_EQ(ReasonOf(good_), "LOGIN_REFUSED");
}

TEST_F(AuthenticatorTest, FilesThatCantBeReadStopTheStart) {
  EXPECT_THAT(std::string(Authenticator::Open({.users_file = "/nowhere"}, stats_).status().message()),
              HasSubstr("/nowhere"));
  Write("users: 3\n");
  EXPECT_FALSE(Authenticator::Open({.users_file = Path()}, stats_).ok());
  Write(Anna());
  EXPECT_FALSE(
      Authenticator::Open({.users_file = Path(), .token_keys_file = Path()}, stats_).ok());
}

}  // namespace
}  // namespace warren::auth
