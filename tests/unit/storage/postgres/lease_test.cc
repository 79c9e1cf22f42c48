#include "storage/postgres/lease.h"

#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/postgres/process_name.h"
#include "storage/postgres/schema.h"
#include "tests/support/postgres_server.h"
#include "tests/unit/storage/postgres/child.h"
#include "tests/unit/storage/postgres/listener.h"

namespace warren::storage {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::warren::testing::PostgresServer;
using std::chrono::milliseconds;
using Clock = Lease::Clock;

constexpr std::chrono::seconds kPatience{20};

constexpr char kAddress[] = "broker-1.example:7171";

class LeaseTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!PostgresServer::Installed()) GTEST_SKIP() << PostgresServer::kNotInstalled;
    url_ = PostgresServer::Shared().CreateDatabase();
    auto link = Link::Connect({.access = {.url = url_}});
    ASSERT_TRUE(link.ok()) << link.status();
    const absl::Status migrated = Migrate(**link, {.url = url_});
    ASSERT_TRUE(migrated.ok()) << migrated;
  }

  absl::StatusOr<std::unique_ptr<Lease>> Take(int64_t lease_ms, JournalObserver* observer = nullptr,
                                              std::stop_token stop = {}) {
    return Lease::Take({.access = {.url = url_},
                        .lease_ms = lease_ms,
                        .advertise = kAddress,
                        .stop = std::move(stop),
                        .look_every = milliseconds(10)},
                       observer);
  }

  std::string Sql(const std::string& sql) { return PostgresServer::Execute(url_, sql); }

  // Makes `owner` the owner, for a time as PostgreSQL reads it.
  void SetOwner(const std::string& owner, const std::string& time) {
    Sql(absl::StrCat("UPDATE warren.shards SET owner = '", owner,
                     "', epoch = epoch + 1, expires_at = clock_timestamp() + interval '", time,
                     "'"));
  }

  // Waits until the lease lasts longer than it did; false if it never does.
  static bool AwaitRenewal(const Lease& lease, Clock::time_point than) {
    const auto deadline = Clock::now() + kPatience;
    while (lease.OwnedUntil() <= than && Clock::now() < deadline) std::this_thread::yield();
    return lease.OwnedUntil() > than;
  }

  std::string url_;
};

constexpr char kElsewhere[] = "shop-2/b/1/77/5";

TEST_F(LeaseTest, IsTakenAtOnceIfItIsNobodys) {
  const auto before = Clock::now();
  const auto lease = Take(60'000);
  ASSERT_TRUE(lease.ok()) << lease.status();
  EXPECT_EQ((*lease)->epoch(), 1);
  EXPECT_GE((*lease)->OwnedUntil(), before + milliseconds(60'000));
  EXPECT_LE((*lease)->OwnedUntil(), Clock::now() + milliseconds(60'000));
  EXPECT_EQ(Sql("SELECT owner FROM warren.shards"), ThisProcess());
  EXPECT_EQ(Sql("SELECT address FROM warren.shards"), kAddress);
}

TEST_F(LeaseTest, WhoeverGivesItUpTakesItsAddressAway) {
  auto lease = Take(60'000);
  ASSERT_TRUE(lease.ok()) << lease.status();
  lease->reset();
  EXPECT_EQ(Sql("SELECT coalesce(owner, 'none') || coalesce(address, 'none') FROM warren.shards"),
            "nonenone");
}

TEST_F(LeaseTest, AnOwnerThatTellsNoAddressIsWaitedForAllTheSame) {
  SetOwner(kElsewhere, "1 second");
  Listener listener;
  const auto lease = Take(60'000, &listener);
  ASSERT_TRUE(lease.ok()) << lease.status();
  EXPECT_EQ(listener.AwaitWaiting(), "the broker on shop-2, process 77 at ");
}

TEST_F(LeaseTest, SecondWaitsUntilTheFirstGivesUp) {
  auto first = Take(60'000);
  ASSERT_TRUE(first.ok()) << first.status();
  Sql("UPDATE warren.shards SET last_batch = 5");
  Listener listener;
  absl::StatusOr<std::unique_ptr<Lease>> second;
  std::thread taker([&] { second = Take(60'000, &listener); });
  EXPECT_THAT(listener.AwaitWaiting(),
              AllOf(HasSubstr(absl::StrCat("process ", getpid())), HasSubstr(kAddress)));
  EXPECT_FALSE(listener.stalled()) << "the database is well";
  first->reset();
  taker.join();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ((*second)->epoch(), 2);
  EXPECT_EQ(listener.AwaitResumed(), "resumed");
  EXPECT_EQ(Sql("SELECT last_batch FROM warren.shards"), "0") << "batches count from 1 again";
}

TEST_F(LeaseTest, IsTakenWhenItRanOut) {
  SetOwner(kElsewhere, "1 second");
  Listener listener;
  const auto lease = Take(60'000, &listener);
  ASSERT_TRUE(lease.ok()) << lease.status();
  EXPECT_TRUE(listener.waiting());
  EXPECT_THAT(listener.AwaitWaiting(), HasSubstr("the broker on shop-2, process 77"));
  EXPECT_EQ((*lease)->epoch(), 2);
}

TEST_F(LeaseTest, OfADeadProcessOfThisMachineIsTakenAtOnce) {
  Child owner;
  SetOwner(owner.name(), "1 hour");
  Listener listener;
  absl::StatusOr<std::unique_ptr<Lease>> lease;
  std::thread taker([&] { lease = Take(60'000, &listener); });
  EXPECT_NE(listener.AwaitWaiting(), "") << "it lives";
  owner.Kill();
  taker.join();
  EXPECT_TRUE(lease.ok()) << lease.status();
}

TEST_F(LeaseTest, TheDeposedOneFindsOut) {
  Listener listener;
  const auto lease = Take(600, &listener);
  ASSERT_TRUE(lease.ok()) << lease.status();
  SetOwner(kElsewhere, "1 hour");
  EXPECT_THAT(listener.AwaitLost(),
              AllOf(HasSubstr("ABORTED"), HasSubstr("shop-2, process 77 (epoch 2)"),
                    HasSubstr("lease of 600 ms"), HasSubstr("--lease")));
  EXPECT_LT((*lease)->OwnedUntil(), Clock::now());
  (*lease)->Renewed(Clock::now());
  EXPECT_LT((*lease)->OwnedUntil(), Clock::now()) << "for good";
}

TEST_F(LeaseTest, TheDeposedOneDoesNotGiveUpWhatIsAnothers) {
  {
    const auto lease = Take(60'000);
    ASSERT_TRUE(lease.ok()) << lease.status();
    SetOwner(kElsewhere, "1 hour");
  }
  EXPECT_EQ(Sql("SELECT owner FROM warren.shards"), kElsewhere);
}

TEST_F(LeaseTest, IsRenewedAcrossARestartOfTheServer) {
  Listener listener;
  const auto lease = Take(1'500, &listener);
  ASSERT_TRUE(lease.ok()) << lease.status();
  PostgresServer::Shared().Kill();
  const auto before = (*lease)->OwnedUntil();
  ASSERT_TRUE(PostgresServer::Shared().Start().ok());
  EXPECT_TRUE(AwaitRenewal(**lease, before));
  EXPECT_EQ(Sql("SELECT epoch FROM warren.shards"), "1");
}

TEST_F(LeaseTest, ThatRanOutIsRenewedIfNobodyTookIt) {
  const auto lease = Take(300);
  ASSERT_TRUE(lease.ok()) << lease.status();
  PostgresServer::Shared().Freeze();
  // Not longer than its time after the server's last answer.
  const auto deadline = Clock::now() + milliseconds(300);
  while ((*lease)->OwnedUntil() > Clock::now()) std::this_thread::yield();
  EXPECT_LE((*lease)->OwnedUntil(), deadline);
  PostgresServer::Shared().Thaw();
  EXPECT_TRUE(AwaitRenewal(**lease, Clock::now()));
  EXPECT_EQ((*lease)->epoch(), 1);
}

TEST_F(LeaseTest, CommitsRenewItAndNeverShortenIt) {
  const auto lease = Take(60'000);
  ASSERT_TRUE(lease.ok()) << lease.status();
  const auto taken = (*lease)->OwnedUntil();
  const auto begun = Clock::now() + milliseconds(1'000);
  (*lease)->Renewed(begun);
  EXPECT_EQ((*lease)->OwnedUntil(), begun + milliseconds(60'000));
  (*lease)->Renewed(begun - milliseconds(500));
  EXPECT_EQ((*lease)->OwnedUntil(), begun + milliseconds(60'000));
  EXPECT_GT((*lease)->OwnedUntil(), taken);
}

TEST_F(LeaseTest, WaitEndsWhenAskedTo) {
  SetOwner(kElsewhere, "1 hour");
  Listener listener;
  std::stop_source stop;
  absl::StatusOr<std::unique_ptr<Lease>> lease;
  std::thread taker([&] { lease = Take(60'000, &listener, stop.get_token()); });
  listener.AwaitWaiting();
  stop.request_stop();
  taker.join();
  EXPECT_EQ(lease.status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace warren::storage
