#include "server/metrics/http_port.h"

#include <httplib.h>
#include <sys/socket.h>

#include <exception>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/metrics/address.h"

namespace warren::metrics {
namespace {

// Enough for some scrapers, probes and people at a time; more wait their turn.
constexpr size_t kThreads = 8;
// A request is a line and some headers; who doesn't send them at once isn't waited for.
constexpr int kReadTimeoutS = 2;
constexpr int kWriteTimeoutS = 10;
constexpr size_t kBodyMax = 4096;

// The library's own would let a second process listen on the same port, and share its requests.
void SetSocketOptions(socket_t socket) {
  const int yes = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
}

void Answer(const std::function<Page(const Query&)>& handler, const httplib::Request& request,
            httplib::Response& response) {
  const Page page = handler(request.params);
  response.status = page.status;
  response.set_content(page.body, page.type);
}

absl::Status CantListen(const std::string& address) {
  return Error(absl::StatusCode::kUnavailable, "ADDRESS_UNAVAILABLE", {"address", address, ""},
               std::string(absl::StrCat(
                   "can't serve HTTP on ", address,
                   ": the address is in use, not one of this machine's, or not HOST:PORT; choose "
                   "another --http, or an empty one")));
}

}  // namespace

class HttpPort::Impl {
 public:
  explicit Impl(Handlers handlers) {
    server_.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
    server_.set_socket_options(SetSocketOptions);
    server_.set_read_timeout(kReadTimeoutS);
    server_.set_write_timeout(kWriteTimeoutS);
    server_.set_payload_max_length(kBodyMax);
    // A connection that is kept alive would keep a thread as well.
    server_.set_keep_alive_max_count(1);
    server_.set_keep_alive_timeout(kReadTimeoutS);
    for (auto& [path, handler] : handlers) {
      server_.Get(path, [handler = std::move(handler)](const httplib::Request& request,
                                                       httplib::Response& response) {
        Answer(handler, request, response);
      });
    }
  }

  ~Impl() {
    server_.stop();
    if (thread_.joinable()) thread_.join();
  }

  // The port that was bound; 0 if none could be.
  int Listen(const HostAndPort& where) {
    const int port = where.port == 0                               ? server_.bind_to_any_port(where.host)
                     : server_.bind_to_port(where.host, where.port) ? where.port
                                                                   : 0;
    if (port <= 0) return 0;
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    // Before that a stop would go unnoticed.
    while (!server_.is_running()) std::this_thread::yield();
    return port;
  }

 private:
  httplib::Server server_;
  std::thread thread_;
};

absl::StatusOr<std::unique_ptr<HttpPort>> HttpPort::Listen(const std::string& address,
                                                           Handlers handlers) {
  const std::optional<HostAndPort> where = SplitAddress(address);
  if (!where) return CantListen(address);
  try {
    auto impl = std::make_unique<Impl>(std::move(handlers));
    const int port = impl->Listen(*where);
    if (port == 0) return CantListen(address);
    std::string bound = absl::StrCat(address.substr(0, address.rfind(':')), ":", port);
    return std::unique_ptr<HttpPort>(new HttpPort(std::move(bound), std::move(impl)));
  } catch (const std::exception&) {
    return CantListen(address);
  }
}

HttpPort::HttpPort(std::string address, std::unique_ptr<Impl> impl)
    : address_(std::move(address)), impl_(std::move(impl)) {}

HttpPort::~HttpPort() = default;

}  // namespace warren::metrics
