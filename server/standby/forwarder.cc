#include "server/standby/forwarder.h"

#include <netinet/tcp.h>
#include <sys/resource.h>

#include <algorithm>
#include <asio.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <future>
#include <list>
#include <system_error>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/runtime/log.h"

namespace warren::standby {
namespace {

using asio::ip::tcp;
using runtime::Log;
using runtime::LogLevel;
using Error = std::error_code;

// Errors come as values, beside what was asked for.
constexpr auto kAwait = asio::experimental::as_tuple(asio::use_awaitable);

// Without a free descriptor, before the next attempt to accept.
constexpr std::chrono::milliseconds kAcceptPause{100};

// A peer that vanished without a word is noticed after about 30 s, as by the gRPC server.
constexpr int kKeepaliveIdleS = 20;
constexpr int kKeepaliveIntervalS = 5;
constexpr int kKeepaliveProbes = 2;

struct Target {
  std::string host;  // an IPv6 address without its brackets
  std::string port;

  bool operator==(const Target&) const = default;
};

Target Split(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return {};
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return {.host = std::move(host), .port = address.substr(colon + 1)};
}

size_t MostConnections(size_t wanted) {
  rlimit descriptors{};
  if (getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return wanted;
  return std::clamp<size_t>(descriptors.rlim_cur / 4, 1, wanted);
}

void SetUp(tcp::socket& socket) {
  Error ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  const auto set = [&](int option, int value) {
    setsockopt(socket.native_handle(), IPPROTO_TCP, option, &value, sizeof(value));
  };
  set(TCP_KEEPIDLE, kKeepaliveIdleS);
  set(TCP_KEEPINTVL, kKeepaliveIntervalS);
  set(TCP_KEEPCNT, kKeepaliveProbes);
}

// Closes with a reset: the client is to try elsewhere, or again, and the port doesn't remember it.
void Refuse(tcp::socket& socket) {
  Error ignored;
  socket.set_option(asio::socket_base::linger(true, 0), ignored);
  socket.close(ignored);
}

// A socket that is bound to the endpoint.
//
// With SO_REUSEADDR, and without listening: such a socket lets others bind that say the same, and
// one of them listen, as this forwarder does and later gRPC's server; it keeps away whoever doesn't
// say so, and the kernel's own choice of free ports. So the port stays ours while nobody listens:
// between Stop and the moment when the store is recovered and the gRPC server listens.
// gRPC C++ can't be given a socket that listens already (AddListeningPort binds by itself; the
// calls that take descriptors take connections, and pass by its credentials and limits), and
// SO_REUSEPORT would let a second broker share the port in silence.
tcp::acceptor Bound(asio::io_context& io, const tcp::endpoint& endpoint, Error& error) {
  tcp::acceptor acceptor(io);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && endpoint.protocol() == tcp::v6()) {
    // All addresses means those of IPv4, too, as it does for gRPC.
    acceptor.set_option(asio::ip::v6_only(!endpoint.address().is_unspecified()), error);
  }
  if (!error) acceptor.bind(endpoint, error);
  return acceptor;
}

}  // namespace

// All but the constructor and the destructor runs on thread_.
class Forwarder::Impl {
 public:
  explicit Impl(const ForwarderOptions& options)
      : options_(options), max_connections_(MostConnections(options.max_connections)) {}
  ~Impl() {
    if (!thread_.joinable()) return;
    Do([this] {
      Close();
      work_.reset();
    });
    thread_.join();
  }

  // The port. Before Start.
  uint16_t Bind(const Target& listen, Error& error);
  void Start() {
    thread_ = std::thread([this] { io_.run(); });
  }
  template <typename Work>
  void Do(Work work) {
    asio::post(io_, std::move(work));
  }

  void ForwardTo(const std::string& target);
  void Close();
  void ReleasePort() { reserved_.clear(); }

 private:
  // One client's, and the one to the target.
  struct Connection {
    Connection(asio::io_context& io, tcp::socket from, Target to)
        : client(std::move(from)), server(io), resolver(io), timer(io), target(std::move(to)) {}

    void Close() {
      Error ignored;
      closed = true;
      if (!carried) client.set_option(asio::socket_base::linger(true, 0), ignored);
      client.close(ignored);
      server.close(ignored);
      resolver.cancel();
      timer.cancel();
    }

    tcp::socket client;
    tcp::socket server;
    tcp::resolver resolver;
    asio::steady_timer timer;  // closes it
    const Target target;
    bool carried = false;  // before that the client is turned away by a reset, as in Refuse
    bool closed = false;
    int ended = 0;  // directions in which all has been said
  };
  using Shared = std::shared_ptr<Connection>;

  void Listen();
  asio::awaitable<void> Accept(tcp::acceptor& acceptor);
  void Begin(tcp::socket client);
  asio::awaitable<void> Carry(Shared it);
  asio::awaitable<Error> Connect(Shared it);
  asio::awaitable<void> Pump(Shared it, tcp::socket& from, tcp::socket& to);
  // Closes it unless this is called again, or its timer cancelled, before.
  static void CloseAfter(const Shared& it, std::chrono::milliseconds time);

  const ForwarderOptions options_;
  const size_t max_connections_;
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(io_);
  std::vector<tcp::endpoint> endpoints_;
  std::vector<tcp::acceptor> reserved_;  // bound, and listening to nobody
  std::list<tcp::acceptor> listening_;
  asio::steady_timer pause_{io_};
  Target target_;  // no host: none
  bool stopped_ = false;
  std::unordered_set<Shared> connections_;
  std::thread thread_;  // last: it uses all of the above
};

uint16_t Forwarder::Impl::Bind(const Target& listen, Error& error) {
  std::vector<tcp::endpoint> candidates;
  tcp::resolver resolver(io_);
  const auto found =
      resolver.resolve(listen.host, listen.port, tcp::resolver::passive, error);
  if (error) return 0;
  for (const auto& entry : found) {
    const tcp::endpoint endpoint = entry.endpoint();
    if (endpoint.address().is_unspecified()) {
      candidates.emplace_back(asio::ip::address_v6::any(), endpoint.port());
    }
    candidates.push_back(endpoint);
  }
  for (tcp::endpoint endpoint : candidates) {
    const bool any = endpoint.address().is_unspecified();
    if (any && !endpoints_.empty()) break;
    if (!endpoints_.empty()) endpoint.port(endpoints_.front().port());
    Error failed;
    tcp::acceptor acceptor = Bound(io_, endpoint, failed);
    if (!failed) endpoint = acceptor.local_endpoint(failed);
    if (failed) {
      error = failed;
      continue;
    }
    reserved_.push_back(std::move(acceptor));
    endpoints_.push_back(endpoint);
  }
  if (endpoints_.empty()) return 0;
  // One of a name's addresses is enough, as it is for gRPC.
  error.clear();
  return endpoints_.front().port();
}

void Forwarder::Impl::ForwardTo(const std::string& target) {
  if (stopped_) return;
  if (listening_.empty()) Listen();
  Target split = Split(target);
  if (split == target_) return;
  for (const Shared& it : connections_) it->Close();
  target_ = std::move(split);
}

void Forwarder::Impl::Close() {
  Error ignored;
  stopped_ = true;
  for (tcp::acceptor& acceptor : listening_) acceptor.close(ignored);
  pause_.cancel();
  for (const Shared& it : connections_) it->Close();
}

void Forwarder::Impl::Listen() {
  for (const tcp::endpoint& endpoint : endpoints_) {
    Error error;
    tcp::acceptor acceptor = Bound(io_, endpoint, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      Log(LogLevel::kWarning, "can't listen while standing by; clients must find the other broker",
          {{"reason", error.message()}});
      continue;
    }
    listening_.push_back(std::move(acceptor));
    asio::co_spawn(io_, Accept(listening_.back()), asio::detached);
  }
}

asio::awaitable<void> Forwarder::Impl::Accept(tcp::acceptor& acceptor) {
  while (!stopped_) {
    auto [error, client] = co_await acceptor.async_accept(kAwait);
    if (!error) {
      Begin(std::move(client));
    } else if (!stopped_) {  // no descriptor is free
      pause_.expires_after(kAcceptPause);
      co_await pause_.async_wait(kAwait);
    }
  }
}

void Forwarder::Impl::Begin(tcp::socket client) {
  if (target_.host.empty() || connections_.size() >= max_connections_) return Refuse(client);
  auto it = std::make_shared<Connection>(io_, std::move(client), target_);
  connections_.insert(it);
  asio::co_spawn(io_, Carry(std::move(it)), asio::detached);
}

void Forwarder::Impl::CloseAfter(const Shared& it, std::chrono::milliseconds time) {
  it->timer.expires_after(time);
  it->timer.async_wait([weak = std::weak_ptr(it)](const Error& cancelled) {
    const Shared late = weak.lock();
    if (!cancelled && late) late->Close();
  });
}

asio::awaitable<void> Forwarder::Impl::Carry(Shared it) {
  CloseAfter(it, options_.connect_timeout);
  const Error error = co_await Connect(it);
  if (error || it->closed) {
    // The one that serves isn't there, or not any more.
    it->Close();
    connections_.erase(it);
    co_return;
  }
  it->timer.cancel();
  it->carried = true;
  SetUp(it->client);
  SetUp(it->server);
  asio::co_spawn(io_, Pump(it, it->server, it->client), asio::detached);
  co_await Pump(it, it->client, it->server);
}

asio::awaitable<Error> Forwarder::Impl::Connect(Shared it) {
  const Target& target = it->target;
  Error is_name;
  // An address needs no look-up, which would wait for those of others.
  tcp::resolver::results_type found = it->resolver.resolve(
      target.host, target.port, tcp::resolver::numeric_host | tcp::resolver::numeric_service,
      is_name);
  if (is_name) {
    auto [error, results] = co_await it->resolver.async_resolve(target.host, target.port, kAwait);
    if (error) co_return error;
    found = std::move(results);
  }
  if (it->closed) co_return asio::error::operation_aborted;
  auto [error, endpoint] = co_await asio::async_connect(it->server, found, kAwait);
  co_return error;
}

asio::awaitable<void> Forwarder::Impl::Pump(Shared it, tcp::socket& from, tcp::socket& to) {
  std::vector<char> buffer(options_.buffer_bytes);
  while (true) {
    auto [read_error, bytes] = co_await from.async_read_some(asio::buffer(buffer), kAwait);
    if (read_error == asio::error::eof) {
      Error ignored;
      to.shutdown(tcp::socket::shutdown_send, ignored);
      break;
    }
    if (!read_error) {
      if (it->ended > 0) CloseAfter(it, options_.half_closed_timeout);
      auto [write_error, written] =
          co_await asio::async_write(to, asio::buffer(buffer.data(), bytes), kAwait);
      if (!write_error) continue;
    }
    it->Close();
    break;
  }
  if (++it->ended < 2) {
    if (!it->closed) CloseAfter(it, options_.half_closed_timeout);
    co_return;
  }
  it->Close();
  connections_.erase(it);
}

Forwarder::Forwarder(std::string address, std::unique_ptr<Impl> impl)
    : address_(std::move(address)), impl_(std::move(impl)) {}

Forwarder::~Forwarder() = default;

absl::StatusOr<std::unique_ptr<Forwarder>> Forwarder::Bind(const ForwarderOptions& options) {
  const auto failed = [&](const std::string& why) {
    return warren::Error(absl::StatusCode::kUnavailable, "ADDRESS_UNAVAILABLE",
                         {"address", options.listen, ""},
                         absl::StrCat("can't listen on ", options.listen, ": ", why,
                                      "; choose another --listen"));
  };
  try {
    auto impl = std::make_unique<Impl>(options);
    std::error_code error;
    const uint16_t port = impl->Bind(Split(options.listen), error);
    if (error) return failed(error.message());
    impl->Start();
    const std::string host = options.listen.substr(0, options.listen.rfind(':'));
    return std::unique_ptr<Forwarder>(
        new Forwarder(absl::StrCat(host, ":", port), std::move(impl)));
  } catch (const std::system_error& error) {  // no descriptors, no threads
    return failed(error.what());
  }
}

void Forwarder::ForwardTo(const std::string& target) {
  impl_->Do([this, target] { impl_->ForwardTo(target); });
}

void Forwarder::Stop() {
  std::promise<void> closed;
  impl_->Do([&] {
    impl_->Close();
    closed.set_value();
  });
  closed.get_future().wait();
}

void Forwarder::ReleasePort() {
  impl_->Do([this] { impl_->ReleasePort(); });
}

}  // namespace warren::standby
