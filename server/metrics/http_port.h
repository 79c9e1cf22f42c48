// A small HTTP port: answers GET by path. Knows nothing of what it serves.
//
// Thread safety: handlers run on threads of the port, several at a time.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace warren::metrics {

// What a request asks for beyond its path.
using Query = std::multimap<std::string, std::string>;

struct Page {
  int status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
};

class HttpPort {
 public:
  // By path, such as "/metrics".
  using Handlers = std::map<std::string, std::function<Page(const Query& query)>>;

  // `address` is HOST:PORT; port 0 is any free one. UNAVAILABLE if it can't be bound.
  static absl::StatusOr<std::unique_ptr<HttpPort>> Listen(const std::string& address,
                                                          Handlers handlers);
  // Waits for the answers underway.
  ~HttpPort();
  HttpPort(const HttpPort&) = delete;
  HttpPort& operator=(const HttpPort&) = delete;

  // HOST:PORT, with the port that was bound.
  const std::string& address() const { return address_; }

 private:
  class Impl;
  HttpPort(std::string address, std::unique_ptr<Impl> impl);

  const std::string address_;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace warren::metrics
