#include "server/runtime/event.h"

#include <gtest/gtest.h>

#include <string>

#include "server/runtime/completion.h"
#include "server/runtime/task.h"

namespace warren::runtime {
namespace {

Task AppendOnEvents(Event& event, std::string& trace, int times) {
  for (int i = 0; i < times; ++i) {
    co_await event.Wait();
    trace += 'e';
  }
  trace += '.';
}

TEST(Event, WakesItsWaiterOnlyWhenTheReadyQueueRuns) {
  ReadyQueue ready;
  Event event(ready);
  std::string trace;
  AppendOnEvents(event, trace, 1).Detach();
  event.Set();
  EXPECT_EQ(trace, "");
  ready.Run();
  EXPECT_EQ(trace, "e.");
}

TEST(Event, RemembersASetThatNobodyWaitedForAndCountsSeveralAsOne) {
  ReadyQueue ready;
  Event event(ready);
  event.Set();
  event.Set();
  std::string trace;
  AppendOnEvents(event, trace, 2).Detach();
  EXPECT_EQ(trace, "e");
  event.Set();
  ready.Run();
  EXPECT_EQ(trace, "ee.");
}

TEST(ReadyQueue, LeavesWhatJoinsWhileItRunsForTheNextRun) {
  ReadyQueue ready;
  Event first(ready);
  Event second(ready);
  std::string trace;
  const auto chain = [](Event& mine, Event& next, std::string& out) -> Task {
    co_await mine.Wait();
    out += '1';
    next.Set();
  };
  chain(first, second, trace).Detach();
  AppendOnEvents(second, trace, 1).Detach();
  first.Set();
  ready.Run();
  EXPECT_EQ(trace, "1");
  EXPECT_FALSE(ready.empty());
  ready.Run();
  EXPECT_EQ(trace, "1e.");
  EXPECT_TRUE(ready.empty());
}

TEST(Task, ResumesWhoAwaitsItWhenItEnds) {
  ReadyQueue ready;
  Event event(ready);
  std::string trace;
  const auto outer = [](Event& e, std::string& out) -> Task {
    Task inner = AppendOnEvents(e, out, 1);
    out += '(';
    co_await inner;
    out += ')';
  };
  outer(event, trace).Detach();
  EXPECT_EQ(trace, "(");
  event.Set();
  ready.Run();
  EXPECT_EQ(trace, "(e.)");
}

TEST(Operation, HandsTheOutcomeToItsCoroutine) {
  Completion* started = nullptr;
  std::string trace;
  const auto operate = [](Completion*& tag_out, std::string& out) -> Task {
    const bool ok =
        co_await Operation([&](void* tag) { tag_out = Completion::FromTag(tag); });
    out += ok ? "ok" : "failed";
  };
  operate(started, trace).Detach();
  ASSERT_NE(started, nullptr);
  started->Complete(false);
  EXPECT_EQ(trace, "failed");
}

}  // namespace
}  // namespace warren::runtime
