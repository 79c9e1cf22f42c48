// Tells the service manager that started the broker (systemd, with Type=notify) how far it is.
//
//   starting    every few seconds what is waited for, and that it takes longer: opening a store that
//               is another broker's, or recovery, may take any time, and a new start mends neither
//   Ready       calls are taken. From then on a store in trouble is told as well, and, if the
//               manager has a watchdog, that the loop answers
//   Reload      from one configuration to the next
//   Stopping    how long the rest may take
//
// Without $NOTIFY_SOCKET nobody is told anything, and no thread is started.
//
// Thread safety: thread-safe.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include "server/runtime/notify_socket.h"
#include "server/runtime/stall_reporter.h"
#include "server/runtime/stats.h"
#include "server/runtime/vitals.h"
#include "sync/mutex.h"

namespace warren::runtime {

struct ServiceManagerOptions {
  std::string socket;                       // "": there is no such manager
  std::chrono::microseconds watchdog{0};    // it wants to hear of the loop this often; 0: never
  std::chrono::milliseconds interval{5000};  // between two reports while starting, at most
};

// As systemd passes them to its services: NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID.
ServiceManagerOptions ServiceManagerFromEnvironment();

class ServiceManager {
 public:
  // The last three must outlive it.
  ServiceManager(const ServiceManagerOptions& options, Vitals& vitals, const StallReporter& stalls,
                 const Stats& stats);
  ~ServiceManager();
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;

  // `status` says where it serves, for people.
  void Ready(std::string status);
  // Calls `reload`, and says before and after it that it does; not while the broker starts or stops.
  void Reload(const std::function<void()>& reload);
  // `patience`: what the broker takes at most until it has ended.
  void Stopping(std::chrono::milliseconds patience);

 private:
  enum class Phase { kStarting, kReady, kStopping };

  void Run();
  // What is to be told now, for `phase`; "" if nothing is.
  std::string Report(Phase phase);
  std::string ReportStarting() const;
  std::string ReportReady();
  std::string StatusLine(const std::string& text) const;

  const NotifySocket socket_;
  const std::chrono::milliseconds interval_;
  const bool watchdog_;
  Vitals& vitals_;
  const StallReporter& stalls_;
  const Stats& stats_;

  Mutex mutex_;
  CondVar changed_;
  Phase phase_ WARREN_GUARDED_BY(mutex_) = Phase::kStarting;
  std::string serving_ WARREN_GUARDED_BY(mutex_);
  bool ending_ WARREN_GUARDED_BY(mutex_) = false;

  std::string told_trouble_;  // the thread's own
  std::thread thread_;        // last: it uses all of the above
};

}  // namespace warren::runtime
