#include "server/runtime/stall_reporter.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <variant>
#include <vector>

namespace warren::runtime {
namespace {

TEST(StallReporter, TroubleReachesTheLoopInOrder) {
  StallReporter reporter;
  std::vector<Mail> mail;
  reporter.Attach([&mail](Mail what) { mail.push_back(std::move(what)); });
  reporter.OnStalled("no room");
  reporter.OnResumed();
  reporter.OnLost(absl::AbortedError("another broker's"));
  ASSERT_EQ(mail.size(), 3u);
  EXPECT_EQ(std::get<JournalStalled>(mail[0]).reason, "no room");
  EXPECT_TRUE(std::holds_alternative<JournalResumed>(mail[1]));
  EXPECT_EQ(std::get<JournalLost>(mail[2]).why, absl::AbortedError("another broker's"));
}

TEST(StallReporter, AStoreThatWasLostBeforeThereIsALoopIsToldToIt) {
  StallReporter reporter;
  reporter.OnStalled("only logged");
  reporter.OnLost(absl::AbortedError("another broker's"));
  std::vector<Mail> mail;
  reporter.Attach([&mail](Mail what) { mail.push_back(std::move(what)); });
  ASSERT_EQ(mail.size(), 1u);
  EXPECT_EQ(std::get<JournalLost>(mail[0]).why, absl::AbortedError("another broker's"));
}

// The journal's threads go on while the loop ends.
TEST(StallReporter, NothingIsPostedAfterDetach) {
  StallReporter reporter;
  std::atomic<bool> attached{true};
  std::atomic<int> posted{0};
  reporter.Attach([&](Mail) {
    EXPECT_TRUE(attached);
    ++posted;
  });
  std::atomic<bool> over{false};
  std::thread journal([&] {
    while (!over) reporter.OnResumed();
  });
  while (posted == 0) std::this_thread::yield();
  reporter.Detach();
  attached = false;
  over = true;
  journal.join();
}

}  // namespace
}  // namespace warren::runtime
