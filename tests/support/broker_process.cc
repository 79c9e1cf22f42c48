#include "tests/support/broker_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "tests/support/spawn.h"

namespace warren::testing {
namespace {

constexpr std::chrono::seconds kPatience{30};

std::string Binary() {
  const char* binary = std::getenv("WARREN_BINARY");
  return binary != nullptr ? binary : WARREN_BINARY_DEFAULT;
}

// The word after `key` in `line`; "" if it isn't there.
std::string WordAfter(const std::string& line, const std::string& key) {
  const size_t at = line.find(key);
  if (at == std::string::npos) return "";
  const size_t begin = at + key.size();
  return line.substr(begin, line.find_first_of(" \n", begin) - begin);
}

}  // namespace

BrokerProcess::BrokerProcess(BrokerOptions options) : options_(std::move(options)) {}

BrokerProcess::~BrokerProcess() { Kill(); }

absl::Status BrokerProcess::Start() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "pipe");
  std::vector<std::string> command = {Binary(), "--listen=" + address_, "--http=" + http_address_,
                                      "--storage=" + options_.storage};
  command.insert(command.end(), options_.arguments.begin(), options_.arguments.end());
  auto pid = Spawn(command, {.standard_output = ends[1]});
  close(ends[1]);
  output_ = ends[0];
  if (!pid.ok()) return pid.status();
  pid_ = *pid;
  absl::Status ready = AwaitReady();
  if (!ready.ok()) Kill();
  return ready;
}

bool BrokerProcess::ReadOutput(std::chrono::steady_clock::time_point deadline, std::string& said) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline - std::chrono::steady_clock::now());
  pollfd readable{.fd = output_, .events = POLLIN, .revents = 0};
  if (left.count() <= 0 || poll(&readable, 1, static_cast<int>(left.count())) <= 0) return false;
  char chunk[4096];
  const ssize_t size = read(output_, chunk, sizeof(chunk));
  if (size > 0) said.append(chunk, static_cast<size_t>(size));
  return size > 0;
}

absl::Status BrokerProcess::AwaitReady() {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::string said;
  while (ReadOutput(deadline, said)) {
    const size_t line = said.find("listening on ");
    if (line == std::string::npos || said.find('\n', line) == std::string::npos) continue;
    address_ = WordAfter(said.substr(line), "grpc=");
    http_address_ = WordAfter(said.substr(line), "http=");
    return absl::OkStatus();
  }
  return absl::UnavailableError(
      "the broker ended at once, or doesn't listen after 30 s; it said: " + said);
}

void BrokerProcess::Kill() {
  if (!running()) return;
  kill(pid_, SIGKILL);
  Reap();
}

int BrokerProcess::Stop() {
  if (!running()) return -1;
  kill(pid_, SIGTERM);
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::string said;
  // Its output ends when it does.
  while (ReadOutput(deadline, said)) {
  }
  if (std::chrono::steady_clock::now() >= deadline) kill(pid_, SIGKILL);
  return Reap();
}

int BrokerProcess::Reap() {
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  close(std::exchange(output_, -1));
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace warren::testing
