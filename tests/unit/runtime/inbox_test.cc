#include "server/runtime/inbox.h"

#include <gtest/gtest.h>

#include <thread>

namespace warren::runtime {
namespace {

TEST(Inbox, WakesOnceAfterItWasArmed) {
  int wakes = 0;
  Inbox<int> inbox(10, [&] { ++wakes; });
  inbox.Post(1);
  EXPECT_EQ(wakes, 0);
  EXPECT_FALSE(inbox.Arm()) << "there is mail already";
  std::vector<int> mail;
  inbox.Take(mail);
  EXPECT_EQ(mail, std::vector<int>{1});
  EXPECT_FALSE(inbox.HasMail());
  ASSERT_TRUE(inbox.Arm());
  inbox.Post(2);
  inbox.Post(3);
  EXPECT_EQ(wakes, 1);
  EXPECT_FALSE(inbox.Disarm());
  EXPECT_TRUE(inbox.HasMail());
}

TEST(Inbox, ADisarmedInboxWakesNobody) {
  int wakes = 0;
  Inbox<int> inbox(10, [&] { ++wakes; });
  ASSERT_TRUE(inbox.Arm());
  EXPECT_TRUE(inbox.Disarm());
  inbox.Post(1);
  EXPECT_EQ(wakes, 0);
}

TEST(Inbox, AFullOneMakesPostersWaitForRoom) {
  Inbox<int> inbox(2, [] {});
  std::thread poster([&] {
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(inbox.Post(i));
  });
  std::vector<int> all;
  std::vector<int> mail;
  while (all.size() < 100) {
    inbox.Take(mail);
    EXPECT_LE(mail.size(), 2u);
    all.insert(all.end(), mail.begin(), mail.end());
    mail.clear();
    std::this_thread::yield();
  }
  poster.join();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(all[i], i);
}

TEST(Inbox, AClosedOneRefusesMailAndWakesNobody) {
  int wakes = 0;
  Inbox<int> inbox(1, [&] { ++wakes; });
  inbox.Post(1);
  std::thread waits([&] { EXPECT_FALSE(inbox.Post(2)); });
  inbox.Close();
  waits.join();
  EXPECT_FALSE(inbox.Post(3));
  EXPECT_EQ(wakes, 0);
}

}  // namespace
}  // namespace warren::runtime
