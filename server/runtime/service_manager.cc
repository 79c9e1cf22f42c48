#include "server/runtime/service_manager.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "server/runtime/progress.h"

namespace warren::runtime {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// What one report of a starting broker asks for; several intervals, as a busy machine loses some.
constexpr microseconds kExtension = std::chrono::seconds(60);
// As for /livez.
constexpr milliseconds kLoopPatience{2'000};

std::string Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// The manager compares it with its own clock, to tell this reload from an earlier one.
int64_t MonotonicMicros() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1'000;
}

milliseconds Interval(const ServiceManagerOptions& options) {
  if (options.watchdog.count() <= 0) return options.interval;
  const auto third = std::chrono::duration_cast<milliseconds>(options.watchdog / 3);
  return std::clamp(third, milliseconds(1), options.interval);
}

}  // namespace

ServiceManagerOptions ServiceManagerFromEnvironment() {
  ServiceManagerOptions options{.socket = Variable("NOTIFY_SOCKET")};
  const std::string pid = Variable("WATCHDOG_PID");
  int64_t micros = 0;
  // With another's number it is that process which is to answer.
  if ((pid.empty() || pid == absl::StrCat(getpid())) &&
      absl::SimpleAtoi(Variable("WATCHDOG_USEC"), &micros) && micros > 0) {
    options.watchdog = microseconds(micros);
  }
  return options;
}

ServiceManager::ServiceManager(const ServiceManagerOptions& options, Vitals& vitals,
                               const StallReporter& stalls, const Stats& stats)
    : socket_(options.socket),
      interval_(Interval(options)),
      watchdog_(options.watchdog.count() > 0),
      vitals_(vitals),
      stalls_(stalls),
      stats_(stats) {
  if (socket_.wanted()) thread_ = std::thread([this] { Run(); });
}

ServiceManager::~ServiceManager() {
  if (!thread_.joinable()) return;
  {
    const MutexLock lock(mutex_);
    ending_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

void ServiceManager::Ready(std::string status) {
  const MutexLock lock(mutex_);
  if (phase_ != Phase::kStarting) return;
  phase_ = Phase::kReady;
  serving_ = std::move(status);
  socket_.Send(absl::StrCat("READY=1\n", StatusLine(serving_)));
  changed_.NotifyAll();
}

void ServiceManager::Reload(const std::function<void()>& reload) {
  const MutexLock lock(mutex_);
  const bool tell = phase_ == Phase::kReady;
  if (tell) socket_.Send(absl::StrCat("RELOADING=1\nMONOTONIC_USEC=", MonotonicMicros(), "\n"));
  reload();
  if (tell) socket_.Send("READY=1\n");
}

void ServiceManager::Stopping(milliseconds patience) {
  const MutexLock lock(mutex_);
  if (phase_ == Phase::kStopping) return;
  phase_ = Phase::kStopping;
  socket_.Send(absl::StrCat("STOPPING=1\n", StatusLine("stopping: what is unsettled is waited for"),
                            "EXTEND_TIMEOUT_USEC=", microseconds(patience).count(), "\n"));
  changed_.NotifyAll();
}

void ServiceManager::Run() {
  MutexLock lock(mutex_);
  while (!ending_) {
    const Phase phase = phase_;
    // The loop may be asked, which takes its time.
    lock.Unlock();
    const std::string report = Report(phase);
    lock.Lock();
    // What has become another phase meanwhile has been told by whoever changed it.
    if (phase == phase_ && !report.empty()) socket_.Send(report);
    changed_.WaitFor(mutex_, interval_, [this, phase]() WARREN_REQUIRES(mutex_) {
      return ending_ || phase != phase_;
    });
  }
}

std::string ServiceManager::Report(Phase phase) {
  switch (phase) {
    case Phase::kStarting:
      return ReportStarting();
    case Phase::kReady:
      return ReportReady();
    case Phase::kStopping:
      return "";
  }
  return "";
}

std::string ServiceManager::ReportStarting() const {
  std::string reason = StartingReason(vitals_, stalls_, stats_);
  if (reason.empty()) reason = StandingBy(vitals_, stalls_);
  return absl::StrCat(StatusLine(reason.empty() ? "starting" : reason),
                      "EXTEND_TIMEOUT_USEC=", kExtension.count(), "\n");
}

std::string ServiceManager::ReportReady() {
  std::string report;
  const std::string trouble = stalls_.trouble();
  if (trouble != told_trouble_) {
    const MutexLock lock(mutex_);
    report = StatusLine(trouble.empty() ? serving_ : absl::StrCat("store: ", trouble));
    told_trouble_ = trouble;
  }
  if (watchdog_ && vitals_.Ask([](const Insight&) {}, kLoopPatience)) {
    absl::StrAppend(&report, "WATCHDOG=1\n");
  }
  return report;
}

std::string ServiceManager::StatusLine(const std::string& text) const {
  return absl::StrCat("STATUS=", absl::StrReplaceAll(text, {{"\n", " "}}), "\n");
}

}  // namespace warren::runtime
