#include "server/runtime/notify_socket.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "server/runtime/log.h"

namespace warren::runtime {
namespace {

constexpr timeval kPatience = {.tv_sec = 5, .tv_usec = 0};

void CantTell(const std::string& path, int error) {
  Log(LogLevel::kWarning, "can't tell the service manager how the broker is",
      {{"socket", path}, {"reason", std::strerror(error)}});
}

}  // namespace

NotifySocket::NotifySocket(std::string_view path) : path_(path) {
  if (path_.empty()) return;
  sockaddr_un address = {};
  if ((path_[0] != '/' && path_[0] != '@') || path_.size() >= sizeof(address.sun_path)) {
    CantTell(path_, EAFNOSUPPORT);
    return;
  }
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path_.data(), path_.size());
  if (path_[0] == '@') address.sun_path[0] = '\0';
  // An abstract name ends where the address does, and not with a zero.
  const size_t length = offsetof(sockaddr_un, sun_path) + path_.size() + (path_[0] == '/' ? 1 : 0);
  socket_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket_ >= 0 &&
      setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof(kPatience)) == 0 &&
      connect(socket_, reinterpret_cast<const sockaddr*>(&address),
              static_cast<socklen_t>(length)) == 0) {
    return;
  }
  CantTell(path_, errno);
  if (socket_ >= 0) close(socket_);
  socket_ = -1;
}

NotifySocket::~NotifySocket() {
  if (socket_ >= 0) close(socket_);
}

void NotifySocket::Send(const std::string& lines) const {
  if (!wanted()) return;
  ssize_t sent = 0;
  do {
    sent = send(socket_, lines.data(), lines.size(), MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) CantTell(path_, errno);
}

}  // namespace warren::runtime
