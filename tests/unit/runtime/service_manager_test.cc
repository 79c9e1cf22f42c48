// What a service manager hears of a broker, over a real socket.
#include "server/runtime/service_manager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <variant>

#include "server/core/broker.h"
#include "server/runtime/flow_control.h"
#include "server/runtime/shutdown.h"

namespace warren::runtime {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr milliseconds kOften{2};
constexpr milliseconds kNever{3'600'000};

// The manager's end: an abstract name of the system's choice.
class Manager {
 public:
  Manager() : socket_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address = {.sun_family = AF_UNIX};
    EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(sa_family_t)), 0);
    socklen_t length = sizeof(address);
    EXPECT_EQ(getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length), 0);
    name_ = "@" + std::string(address.sun_path + 1, length - offsetof(sockaddr_un, sun_path) - 1);
    const timeval patience = {.tv_sec = 20};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  }
  ~Manager() { close(socket_); }

  const std::string& name() const { return name_; }

  // The next message; "" if none comes.
  std::string Hear() const {
    char text[4096];
    const ssize_t size = recv(socket_, text, sizeof(text), 0);
    return size < 0 ? "" : std::string(text, static_cast<size_t>(size));
  }
  // The next one with this in it; "" if none comes.
  std::string HearOf(const std::string& what) const {
    for (std::string said = Hear(); !said.empty(); said = Hear()) {
      if (said.find(what) != std::string::npos) return said;
    }
    return "";
  }
  bool Silent() const {
    char text[1];
    return recv(socket_, text, sizeof(text), MSG_DONTWAIT) < 0 && errno == EAGAIN;
  }

 private:
  int socket_;
  std::string name_;
};

class ServiceManagerTest : public ::testing::Test {
 protected:
  void Start(milliseconds interval, milliseconds watchdog = milliseconds(0)) {
    service_.emplace(
        ServiceManagerOptions{.socket = manager_.name(), .watchdog = watchdog, .interval = interval},
        vitals_, stalls_, stats_);
  }

  Manager manager_;
  Vitals vitals_;
  StallReporter stalls_;
  Stats stats_;
  std::optional<ServiceManager> service_;
};

TEST_F(ServiceManagerTest, HearsWhatAStartWaitsForAndGivesItMoreTime) {
  stalls_.OnStalled("can't connect:\nREADY=1");
  Start(kOften);
  EXPECT_THAT(manager_.Hear(), AllOf(HasSubstr("STATUS=starting: the store can't be opened yet: "),
                                     HasSubstr("EXTEND_TIMEOUT_USEC=60000000\n"),
                                     Not(HasSubstr("\nREADY=1"))));
  stalls_.OnResumed();
  EXPECT_THAT(manager_.HearOf("STATUS=starting: the store is being opened"),
              HasSubstr("EXTEND_TIMEOUT_USEC="));
}

TEST_F(ServiceManagerTest, HearsOnceThatItServes) {
  Start(kNever);
  EXPECT_THAT(manager_.Hear(), HasSubstr("STATUS=starting"));
  service_->Ready("serving on grpc=1 http=2");
  EXPECT_EQ(manager_.Hear(), "READY=1\nSTATUS=serving on grpc=1 http=2\n");
  service_->Ready("again");
  service_->Stopping(milliseconds(25'000));
  EXPECT_THAT(manager_.Hear(),
              AllOf(HasSubstr("STOPPING=1\n"), HasSubstr("EXTEND_TIMEOUT_USEC=25000000\n")));
  service_->Stopping(milliseconds(1));
  service_->Ready("too late");
  service_.reset();
  EXPECT_TRUE(manager_.Silent());
}

TEST_F(ServiceManagerTest, HearsOfTheStoresTroubleAndItsEnd) {
  Start(kOften);
  service_->Ready("serving");
  EXPECT_NE(manager_.HearOf("READY=1"), "");
  stalls_.OnStalled("the disk is full");
  EXPECT_EQ(manager_.HearOf("store"), "STATUS=store: the disk is full\n");
  stalls_.OnResumed();
  EXPECT_EQ(manager_.Hear(), "STATUS=serving\n");
}

TEST_F(ServiceManagerTest, HearsOfReloadsOnlyWhileItServes) {
  Start(kNever);
  EXPECT_NE(manager_.HearOf("STATUS=starting"), "");
  int reloads = 0;
  const auto reload = [&] { ++reloads; };
  service_->Reload(reload);
  EXPECT_TRUE(manager_.Silent()) << "READY=1 would be wrong";
  service_->Ready("serving");
  service_->Reload(reload);
  EXPECT_NE(manager_.HearOf("READY=1\nSTATUS"), "");
  EXPECT_THAT(manager_.Hear(), HasSubstr("RELOADING=1\nMONOTONIC_USEC="));
  EXPECT_EQ(manager_.Hear(), "READY=1\n");
  service_->Stopping(milliseconds(1));
  service_->Reload(reload);
  EXPECT_NE(manager_.HearOf("STOPPING=1"), "");
  EXPECT_TRUE(manager_.Silent());
  EXPECT_EQ(reloads, 3);
}

TEST_F(ServiceManagerTest, WatchdogHearsOfALoopThatAnswersAlone) {
  Start(kOften, milliseconds(3));
  service_->Ready("serving");
  EXPECT_NE(manager_.HearOf("READY=1"), "");
  // There is no loop yet, so the first words are of one that answers.
  stalls_.OnStalled("slow");
  EXPECT_EQ(manager_.Hear(), "STATUS=store: slow\n");
  const core::Broker broker{{}};
  const FlowControl flow{{}};
  const Shutdown shutdown{{}};
  vitals_.Serving([&](Mail mail) {
    std::get<Question>(mail).ask({.broker = broker, .flow = flow, .shutdown = shutdown});
  });
  EXPECT_EQ(manager_.Hear(), "WATCHDOG=1\n");
  service_.reset();
}

TEST(ServiceManagerWithoutOneTest, NothingHappens) {
  Vitals vitals;
  const StallReporter stalls;
  const Stats stats;
  ServiceManager service({.socket = ""}, vitals, stalls, stats);
  service.Ready("serving");
  int reloads = 0;
  service.Reload([&] { ++reloads; });
  EXPECT_EQ(reloads, 1);
  service.Stopping(milliseconds(1));
}

TEST(ServiceManagerEnvironmentTest, WatchdogOfAnotherProcessIsNone) {
  setenv("NOTIFY_SOCKET", "@somewhere", 1);
  setenv("WATCHDOG_USEC", "30000000", 1);
  setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), 1);
  EXPECT_EQ(ServiceManagerFromEnvironment().watchdog, std::chrono::seconds(30));
  EXPECT_EQ(ServiceManagerFromEnvironment().socket, "@somewhere");
  setenv("WATCHDOG_PID", "1", 1);
  EXPECT_EQ(ServiceManagerFromEnvironment().watchdog.count(), 0);
  unsetenv("WATCHDOG_PID");
  setenv("WATCHDOG_USEC", "soon", 1);
  EXPECT_EQ(ServiceManagerFromEnvironment().watchdog.count(), 0);
  unsetenv("WATCHDOG_USEC");
  unsetenv("NOTIFY_SOCKET");
}

}  // namespace
}  // namespace warren::runtime
