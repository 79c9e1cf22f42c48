// Goal: a connection through a standby is one connection: what one side says, and how it ends, is
// what the other side sees; and nobody can make the standby hold more than it allows.
// Method: plain sockets on both sides of a forwarder, each wait bounded.
#include "server/standby/forwarder.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "server/base/error.h"

namespace warren::standby {
namespace {

using std::chrono::milliseconds;

// A test that passes doesn't wait for it.
constexpr int kPatienceMs = 20'000;
// More than two sockets and a forwarder take on their own, whatever the kernel grants them.
constexpr size_t kMoreThanBuffersHold = size_t{64} << 20;

// A TCP socket on loopback. Thread-compatible.
class Socket {
 public:
  Socket() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Socket() { Close(); }

  // To HOST:PORT; what is refused shows in Valid, or when it is read.
  static Socket To(const std::string& address) {
    Socket made;
    const sockaddr_in to = AddressOf(address);
    if (connect(made.fd_, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0) made.Close();
    return made;
  }

  // 0, or the errno of what failed. Port 0: any free one.
  int Bind(const std::string& address, bool reuse) {
    const int on = reuse ? 1 : 0;
    setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    const sockaddr_in at = AddressOf(address);
    return bind(fd_, reinterpret_cast<const sockaddr*>(&at), sizeof(at)) == 0 ? 0 : errno;
  }
  int Listen(int backlog = 64) { return listen(fd_, backlog) == 0 ? 0 : errno; }
  Socket Accept() { return Await(POLLIN) ? Socket(accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC))
                                         : Socket(-1); }
  std::string Address() const {
    sockaddr_in at{};
    socklen_t size = sizeof(at);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size);
    return "127.0.0.1:" + std::to_string(ntohs(at.sin_port));
  }

  bool Valid() const { return fd_ >= 0; }
  bool Await(int16_t events, int timeout_ms = kPatienceMs) const {
    pollfd waits{.fd = fd_, .events = events, .revents = 0};
    return poll(&waits, 1, timeout_ms) == 1;
  }

  // How much of it was taken before the peer took no more for `patience_ms`, or was gone.
  size_t Send(std::string_view bytes, int patience_ms = kPatienceMs) {
    size_t sent = 0;
    while (sent < bytes.size() && Await(POLLOUT, patience_ms)) {
      const ssize_t taken =
          send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (taken < 0 && errno != EAGAIN) break;
      if (taken > 0) sent += static_cast<size_t>(taken);
    }
    return sent;
  }

  // The next `count` bytes, or fewer if it ends before; how it ended, if it did, in `end`.
  enum class End { kOpen, kClosed, kReset, kLate };
  std::string Read(size_t count, End* end = nullptr) {
    std::string bytes;
    End how = End::kOpen;
    std::vector<char> buffer(size_t{64} << 10);
    while (bytes.size() < count && how == End::kOpen) {
      if (!Await(POLLIN)) {
        how = End::kLate;
        break;
      }
      const ssize_t got = recv(fd_, buffer.data(), std::min(buffer.size(), count - bytes.size()), 0);
      if (got > 0) bytes.append(buffer.data(), static_cast<size_t>(got));
      if (got == 0) how = End::kClosed;
      if (got < 0) how = End::kReset;
    }
    if (end != nullptr) *end = how;
    return bytes;
  }
  End AwaitEnd() {
    End end = End::kOpen;
    Read(SIZE_MAX, &end);
    return end;
  }

  void EndWriting() { shutdown(fd_, SHUT_WR); }
  void Close() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }
  void Reset() {
    const linger none{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
    Close();
  }
  void DontBlock() { fcntl(fd_, F_SETFL, O_NONBLOCK); }
  int fd() const { return fd_; }

 private:
  static sockaddr_in AddressOf(const std::string& address) {
    sockaddr_in made{};
    made.sin_family = AF_INET;
    made.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    made.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    return made;
  }

  int fd_;
};

using End = Socket::End;

std::string Pattern(size_t bytes) {
  std::string text(bytes, '\0');
  for (size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>(i * 7 + i / 251);
  return text;
}

class ForwarderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(target_.Bind("127.0.0.1:0", /*reuse=*/true), 0);
    ASSERT_EQ(target_.Listen(), 0);
  }

  void Start(ForwarderOptions options = {}) {
    options.listen = "127.0.0.1:0";
    auto bound = Forwarder::Bind(options);
    ASSERT_TRUE(bound.ok()) << bound.status();
    forwarder_ = *std::move(bound);
    ForwardTo(target_.Address());
  }

  // And waits until somebody listens.
  void ForwardTo(const std::string& target) {
    forwarder_->ForwardTo(target);
    ASSERT_TRUE(Eventually([&] { return Socket::To(forwarder_->address()).Valid(); }));
    // Of what that connection came to, nothing is left at the target.
    while (target_.Await(POLLIN, 0)) target_.Accept();
  }

  static bool Eventually(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + milliseconds(kPatienceMs);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }

  // Both ends of a connection that is carried, as its first bytes prove; the second one isn't valid if
  // the client was turned away.
  std::pair<Socket, Socket> Connected() {
    const std::string name = "connection " + std::to_string(++connections_) + "\n";
    Socket client = Socket::To(forwarder_->address());
    client.Send(name);
    while (!client.Await(POLLIN, 0)) {
      if (!target_.Await(POLLIN, 1)) continue;
      Socket server = target_.Accept();
      if (server.Read(name.size()) == name) return {std::move(client), std::move(server)};
    }
    return {std::move(client), Socket(-1)};
  }

  bool Carries() {
    auto [client, server] = Connected();
    if (!server.Valid()) return false;
    server.Send("yes");
    return client.Read(3) == "yes";
  }

  Socket target_;
  std::unique_ptr<Forwarder> forwarder_;
  int connections_ = 0;
};

TEST_F(ForwarderTest, CarriesBytesBothWays) {
  Start({.buffer_bytes = 1000});
  auto [client, server] = Connected();
  const std::string bytes = Pattern(size_t{3} << 20);
  for (auto [from, to] : {std::pair{&client, &server}, std::pair{&server, &client}}) {
    std::thread sender([&, from = from] { EXPECT_EQ(from->Send(bytes), bytes.size()); });
    EXPECT_TRUE(to->Read(bytes.size()) == bytes);
    sender.join();
  }
}

TEST_F(ForwarderTest, PassesAHalfCloseOnAndCarriesTheAnswer) {
  Start();
  auto [client, server] = Connected();
  client.Send("question");
  client.EndWriting();
  End end = End::kOpen;
  EXPECT_EQ(server.Read(SIZE_MAX, &end), "question");
  EXPECT_EQ(end, End::kClosed);
  const std::string answer = Pattern(size_t{1} << 20);
  std::thread sender([&, &from = server] {
    EXPECT_EQ(from.Send(answer), answer.size());
    from.Close();
  });
  EXPECT_TRUE(client.Read(SIZE_MAX, &end) == answer);
  EXPECT_EQ(end, End::kClosed);
  sender.join();
}

TEST_F(ForwarderTest, PassesAHalfCloseOfTheTargetOn) {
  Start();
  auto [client, server] = Connected();
  server.Send("last words");
  server.EndWriting();
  End end = End::kOpen;
  EXPECT_EQ(client.Read(SIZE_MAX, &end), "last words");
  EXPECT_EQ(end, End::kClosed);
  client.Send("I hear");
  client.Close();
  EXPECT_EQ(server.Read(SIZE_MAX, &end), "I hear");
}

TEST_F(ForwarderTest, AHalfClosedConnectionWhoseOtherSideIsSilentIsClosed) {
  Start({.half_closed_timeout = milliseconds(50)});
  auto [client, server] = Connected();
  client.EndWriting();
  EXPECT_EQ(server.AwaitEnd(), End::kClosed);
  EXPECT_NE(client.AwaitEnd(), End::kLate);
}

TEST_F(ForwarderTest, AResetWithDataInFlightEndsTheOtherSide) {
  Start();
  for (const bool client_resets : {true, false}) {
    auto [client, server] = Connected();
    Socket& from = client_resets ? client : server;
    Socket& to = client_resets ? server : client;
    // On its way in both directions, and nobody reads.
    from.Send(Pattern(size_t{4} << 20), /*patience_ms=*/50);
    to.Send(Pattern(size_t{4} << 20), /*patience_ms=*/50);
    from.Reset();
    const End end = to.AwaitEnd();
    EXPECT_TRUE(end == End::kClosed || end == End::kReset) << client_resets;
    EXPECT_TRUE(Carries()) << "others are not touched";
  }
}

TEST_F(ForwarderTest, OneReaderThatStopsHoldsUpItsWriterAlone) {
  Start();
  auto [client, server] = Connected();
  const std::string bytes = Pattern(kMoreThanBuffersHold);
  const size_t taken = client.Send(bytes, /*patience_ms=*/300);
  EXPECT_LT(taken, bytes.size()) << "what nobody reads is held in memory";
  EXPECT_TRUE(Carries());
  server.Send("not held up");
  EXPECT_EQ(client.Read(11), "not held up");
  // It goes on where it stopped.
  std::thread sender([&, &from = client] {
    EXPECT_EQ(from.Send(std::string_view(bytes).substr(taken)), bytes.size() - taken);
  });
  EXPECT_TRUE(server.Read(bytes.size()) == bytes);
  sender.join();
}

TEST_F(ForwarderTest, WithoutATargetConnectionsAreReset) {
  Start();
  ForwardTo("");
  EXPECT_EQ(Socket::To(forwarder_->address()).AwaitEnd(), End::kReset);
  ForwardTo(target_.Address());
  EXPECT_TRUE(Carries());
}

TEST_F(ForwarderTest, WhileTheTargetIsAwayConnectionsAreReset) {
  Start();
  const std::string address = target_.Address();
  target_.Close();
  Socket refused = Socket::To(forwarder_->address());
  EXPECT_EQ(refused.AwaitEnd(), End::kReset);
  target_ = Socket();
  ASSERT_EQ(target_.Bind(address, /*reuse=*/true), 0);
  ASSERT_EQ(target_.Listen(), 0);
  EXPECT_TRUE(Carries()) << "it is back, and nobody had to say so";
}

TEST_F(ForwarderTest, ATargetThatDoesNotAnswerIsGivenUp) {
  Start({.connect_timeout = milliseconds(100)});
  Socket mute;
  ASSERT_EQ(mute.Bind("127.0.0.1:0", /*reuse=*/true), 0);
  ASSERT_EQ(mute.Listen(0), 0);
  // Its queue is full; the kernel answers nobody any more.
  std::vector<Socket> queued(8);
  for (Socket& socket : queued) {
    socket.DontBlock();
    sockaddr_in at{};
    socklen_t size = sizeof(at);
    ASSERT_EQ(getsockname(mute.fd(), reinterpret_cast<sockaddr*>(&at), &size), 0);
    connect(socket.fd(), reinterpret_cast<const sockaddr*>(&at), sizeof(at));
  }
  forwarder_->ForwardTo(mute.Address());
  EXPECT_EQ(Socket::To(forwarder_->address()).AwaitEnd(), End::kReset);
}

TEST_F(ForwarderTest, ANewTargetEndsConnectionsToTheOldOne) {
  Start();
  auto [client, server] = Connected();
  forwarder_->ForwardTo(target_.Address());  // the same: nothing happens
  server.Send("still here");
  EXPECT_EQ(client.Read(10), "still here");

  Socket next;
  ASSERT_EQ(next.Bind("127.0.0.1:0", /*reuse=*/true), 0);
  ASSERT_EQ(next.Listen(), 0);
  std::swap(target_, next);
  forwarder_->ForwardTo(target_.Address());
  EXPECT_NE(client.AwaitEnd(), End::kLate);
  EXPECT_NE(server.AwaitEnd(), End::kLate);
  EXPECT_TRUE(Carries());
}

TEST_F(ForwarderTest, ConnectionsBeyondTheLimitAreReset) {
  Start({.max_connections = 2, .half_closed_timeout = milliseconds(20)});
  std::vector<std::pair<Socket, Socket>> open;
  // Those that came first, to see whether it listens, leave in their time.
  const auto one_more = [&] {
    auto pair = Connected();
    if (!pair.second.Valid()) return false;
    open.push_back(std::move(pair));
    return true;
  };
  ASSERT_TRUE(Eventually(one_more));
  ASSERT_TRUE(Eventually(one_more));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Socket::To(forwarder_->address()).AwaitEnd(), End::kReset);
  }
  for (auto& [client, server] : open) {
    server.Send("mine");
    EXPECT_EQ(client.Read(4), "mine");
  }
  open.pop_back();
  EXPECT_TRUE(Eventually(one_more)) << "there is room again";
}

TEST_F(ForwarderTest, StopEndsAllAndKeepsThePort) {
  Start();
  auto [client, server] = Connected();
  const std::string address = forwarder_->address();
  forwarder_->Stop();
  EXPECT_NE(client.AwaitEnd(), End::kLate);
  EXPECT_NE(server.AwaitEnd(), End::kLate);
  EXPECT_FALSE(Socket::To(address).Valid()) << "nobody listens";

  Socket stranger;
  EXPECT_EQ(stranger.Bind(address, /*reuse=*/false), EADDRINUSE);
  Socket grpc;  // says so, as gRPC does
  EXPECT_EQ(grpc.Bind(address, /*reuse=*/true), 0);
  EXPECT_EQ(grpc.Listen(), 0);
  forwarder_->ReleasePort();
  EXPECT_TRUE(Socket::To(address).Valid());
}

TEST_F(ForwarderTest, BeforeItForwardsNobodyListens) {
  ForwarderOptions options;
  options.listen = "127.0.0.1:0";
  const auto bound = Forwarder::Bind(options);
  ASSERT_TRUE(bound.ok()) << bound.status();
  EXPECT_FALSE(Socket::To((*bound)->address()).Valid());
}

TEST_F(ForwarderTest, AnAddressThatIsTakenIsSaid) {
  ForwarderOptions options;
  options.listen = target_.Address();
  Socket taken;
  ASSERT_EQ(taken.Bind("127.0.0.1:0", /*reuse=*/false), 0);
  options.listen = taken.Address();
  const absl::Status status = Forwarder::Bind(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ErrorInfoOf(status).reason, "ADDRESS_UNAVAILABLE");
}

TEST_F(ForwarderTest, ItsEndEndsWhatIsOpen) {
  Start();
  auto [client, server] = Connected();
  client.Send(Pattern(size_t{4} << 20), /*patience_ms=*/50);  // nobody reads it
  forwarder_.reset();
  EXPECT_NE(client.AwaitEnd(), End::kLate);
  EXPECT_NE(server.AwaitEnd(), End::kLate);
}

}  // namespace
}  // namespace warren::standby
