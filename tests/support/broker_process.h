// A broker in a process of its own, for tests that need a real one: started on free ports, killed
// as by a crash, stopped as by an operator, started again where it was.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace warren::testing {

struct BrokerOptions {
  // As --storage takes it.
  std::string storage = "memory:";
  // Further arguments.
  std::vector<std::string> arguments;
};

// Thread-compatible. The binary is $WARREN_BINARY, or the one of this build.
class BrokerProcess {
 public:
  explicit BrokerProcess(BrokerOptions options = {});
  // Kills a broker that still runs.
  ~BrokerProcess();
  BrokerProcess(const BrokerProcess&) = delete;
  BrokerProcess& operator=(const BrokerProcess&) = delete;

  // Returns once it listens; the ports are those of the first start. REQUIRES: not running.
  absl::Status Start();
  // SIGKILL. Returns once the process is gone.
  void Kill();
  // SIGTERM. Returns the exit status, or -1 if it had to be killed after 30 s.
  int Stop();

  bool running() const { return pid_ > 0; }
  // host:port of the API and of HTTP. REQUIRES: started once.
  const std::string& address() const { return address_; }
  const std::string& http_address() const { return http_address_; }

 private:
  absl::Status AwaitReady();
  // Appends what it writes next; false at the end of its output or at the deadline.
  bool ReadOutput(std::chrono::steady_clock::time_point deadline, std::string& said);
  // The exit status, or -1 if a signal ended it.
  int Reap();

  const BrokerOptions options_;
  std::string address_ = "127.0.0.1:0";
  std::string http_address_ = "127.0.0.1:0";
  pid_t pid_ = -1;
  int output_ = -1;  // read end of its standard output
};

}  // namespace warren::testing
