// Where a service manager wants to hear from the process that it started: the socket of systemd's
// notification protocol, which sd_notify(3) describes and promises to keep.
//
// A message is one datagram of NAME=VALUE lines. That is all of it, so it is spoken here: libsystemd
// would bring five more libraries into each broker and each image.
//
// Thread safety: thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace warren::runtime {

class NotifySocket {
 public:
  // `path` is absolute, or "@NAME" for Linux's abstract names; "": nobody wants to hear anything.
  explicit NotifySocket(std::string_view path);
  ~NotifySocket();
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;

  bool wanted() const { return socket_ >= 0; }

  // Waits a few seconds at most for a manager that is busy. What can't be told is logged, and no
  // more than that: the broker serves all the same.
  void Send(const std::string& lines) const;

 private:
  const std::string path_;
  int socket_ = -1;
};

}  // namespace warren::runtime
