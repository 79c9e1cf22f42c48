#include "server/runtime/vitals.h"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "server/core/broker.h"
#include "server/runtime/flow_control.h"
#include "server/runtime/shutdown.h"
#include "storage/memory/memory_journal.h"

namespace warren::runtime {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kLong{20'000};

// A loop that takes its mail when it is told to.
class StandIn {
 public:
  void Post(Mail mail) { mail_.push_back(std::move(mail)); }
  void TakeMail() {
    for (Mail& mail : mail_) {
      std::get<Question>(mail).ask({.broker = broker_, .flow = flow_, .shutdown = shutdown_});
    }
    mail_.clear();
  }
  void DropMail() { mail_.clear(); }
  size_t waiting() const { return mail_.size(); }

 private:
  core::Broker broker_{{}};
  FlowControl flow_{{}};
  Shutdown shutdown_{{}};
  std::vector<Mail> mail_;
};

TEST(Vitals, PhasesFollowTheBrokersLife) {
  Vitals vitals;
  storage::MemoryJournal journal(std::make_shared<storage::MemoryStore>());
  EXPECT_EQ(vitals.phase(), Vitals::Phase::kOpening);
  EXPECT_FALSE(vitals.LookAtStore([](const storage::Journal&) {}));
  vitals.Recovering(journal);
  EXPECT_EQ(vitals.phase(), Vitals::Phase::kRecovering);
  const storage::Journal* seen = nullptr;
  EXPECT_TRUE(vitals.LookAtStore([&](const storage::Journal& j) { seen = &j; }));
  EXPECT_EQ(seen, &journal);
  vitals.Serving([](Mail) {});
  EXPECT_EQ(vitals.phase(), Vitals::Phase::kServing);
  vitals.Stopped();
  EXPECT_EQ(vitals.phase(), Vitals::Phase::kStopped);
  EXPECT_FALSE(vitals.LookAtStore([](const storage::Journal&) {}));
}

TEST(Vitals, AQuestionIsAnsweredOnTheLoopsThread) {
  Vitals vitals;
  std::optional<Question> question;
  std::atomic<bool> posted{false};
  vitals.Serving([&](Mail mail) {
    question = std::get<Question>(std::move(mail));
    posted = true;
    posted.notify_all();
  });
  StandIn stand_in;
  std::thread loop([&] {
    posted.wait(false);
    stand_in.Post(*std::exchange(question, std::nullopt));
    stand_in.TakeMail();
  });
  std::thread::id answered_on;
  EXPECT_TRUE(vitals.Ask([&](const Insight& now) {
    answered_on = std::this_thread::get_id();
    EXPECT_EQ(now.broker.usage().queues, 0u);
  }, kLong));
  EXPECT_EQ(answered_on, loop.get_id());
  loop.join();
}

TEST(Vitals, NobodyAnswersWithoutALoop) {
  Vitals vitals;
  const auto never = [](const Insight&) { FAIL(); };
  EXPECT_FALSE(vitals.Ask(never, kLong));
  vitals.Serving([](Mail) {});
  vitals.Stopped();
  EXPECT_FALSE(vitals.Ask(never, kLong));
}

TEST(Vitals, ALoopThatIsStuckMakesAskFailAndLearnsOfNothingLater) {
  Vitals vitals;
  StandIn loop;
  vitals.Serving([&](Mail mail) { loop.Post(std::move(mail)); });
  int answers = 0;
  EXPECT_FALSE(vitals.Ask([&](const Insight&) { ++answers; }, milliseconds(1)));
  loop.TakeMail();
  EXPECT_EQ(answers, 0) << "what it would have written to is gone";
}

TEST(Vitals, AStuckLoopsInboxDoesNotFillUp) {
  Vitals vitals;
  StandIn loop;
  vitals.Serving([&](Mail mail) { loop.Post(std::move(mail)); });
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(vitals.Ask([](const Insight&) {}, milliseconds(0)));
  EXPECT_LT(loop.waiting(), 50u);
  loop.TakeMail();
  // It works again: questions are posted.
  EXPECT_FALSE(vitals.Ask([](const Insight&) {}, milliseconds(0)));
  EXPECT_EQ(loop.waiting(), 1u);
}

TEST(Vitals, ALoopThatEndsWithoutAnAnswerKeepsNobodyWaiting) {
  Vitals vitals;
  vitals.Serving([](Mail) {});  // drops it, as a closed inbox does
  const auto began = std::chrono::steady_clock::now();
  EXPECT_FALSE(vitals.Ask([](const Insight&) {}, kLong));
  EXPECT_LT(std::chrono::steady_clock::now() - began, kLong / 2);
}

}  // namespace
}  // namespace warren::runtime
