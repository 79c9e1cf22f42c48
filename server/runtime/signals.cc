#include "server/runtime/signals.h"

#include <csignal>
#include <utility>

#include "server/base/check.h"
#include "server/runtime/log.h"

namespace warren::runtime {
namespace {

sigset_t OurSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  return signals;
}

}  // namespace

Signals::Signals() {
  const sigset_t signals = OurSignals();
  WARREN_CHECK(pthread_sigmask(SIG_BLOCK, &signals, nullptr) == 0);
  // A client that vanishes is an error of a write, not of the process.
  std::signal(SIGPIPE, SIG_IGN);
  thread_ = std::thread([this] { Run(); });
}

Signals::~Signals() {
  ending_ = true;
  pthread_kill(thread_.native_handle(), SIGTERM);
  thread_.join();
}

void Signals::OnStop(std::function<void()> callback) {
  const MutexLock lock(mutex_);
  callback_ = std::move(callback);
  if (callback_ && requested_) callback_();
}

void Signals::OnReload(std::function<void()> callback) {
  const MutexLock lock(mutex_);
  reload_ = std::move(callback);
}

void Signals::Run() {
  const sigset_t signals = OurSignals();
  int signal = 0;
  while (sigwait(&signals, &signal) == 0 && !ending_) {
    if (signal == SIGHUP) {
      const MutexLock lock(mutex_);
      if (reload_) reload_();
      continue;
    }
    Log(LogLevel::kInfo, "stop requested", {{"signal", signal == SIGINT ? "SIGINT" : "SIGTERM"}});
    requested_ = true;
    const MutexLock lock(mutex_);
    if (callback_) callback_();
  }
}

}  // namespace warren::runtime
