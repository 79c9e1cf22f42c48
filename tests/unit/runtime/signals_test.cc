#include "server/runtime/signals.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <thread>

namespace warren::runtime {
namespace {

TEST(Signals, ARequestCallsBackOnceItIsThere) {
  Signals signals;
  EXPECT_FALSE(signals.stop_requested());
  std::promise<void> stopped;
  signals.OnStop([&stopped] { stopped.set_value(); });
  kill(getpid(), SIGTERM);
  stopped.get_future().get();
  EXPECT_TRUE(signals.stop_requested());
  signals.OnStop(nullptr);
}

TEST(Signals, ARequestThatCameBeforeIsNotForgotten) {
  Signals signals;
  kill(getpid(), SIGINT);
  while (!signals.stop_requested()) std::this_thread::yield();
  std::atomic<bool> called{false};
  signals.OnStop([&called] { called = true; });
  EXPECT_TRUE(called);
  signals.OnStop(nullptr);
}

}  // namespace
}  // namespace warren::runtime
