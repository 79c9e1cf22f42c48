// Holds the port of a broker that waits for its turn, and carries connections to the one that
// serves.
//
// A broker that stands by must be Ready, or rollouts and disruption budgets wait for it for ever;
// and whoever is Ready is sent clients, which know nothing of leaders. So it passes their
// connections on, byte by byte: it knows nothing of gRPC, and TLS is between the client and the
// broker that serves.
//
//   Bind        the port is ours, and nobody listens there: connections are refused
//   ForwardTo   connections are accepted, and carried to the target; without a target they are
//               closed at once, so that clients back off and try again
//   Stop        all connections are closed, and nobody listens; the port stays ours
//   ReleasePort the gRPC server has it now
//
// Thread safety: thread-safe, but Stop and ReleasePort are called by one thread.
//
// Invariants:
// 1. From Bind to ReleasePort no other program gets the port by chance: neither one that binds it
//    plainly nor one that takes any free port.
// 2. A connection costs two descriptors and 2 * buffer_bytes at most; there are never more than
//    max_connections. What the reader of one side doesn't take isn't read from the other.
// 3. A connection goes to one target. When that changes, it is closed: whoever no longer serves may
//    hang, and its clients would hang with it.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace warren::standby {

struct ForwarderOptions {
  std::string listen;  // HOST:PORT; port 0: any free one
  // What is above is closed at once. Never more than a quarter of the descriptors that the process
  // may have.
  size_t max_connections = 1000;
  size_t buffer_bytes = size_t{32} << 10;  // in each direction
  // From accepting a connection until the target has; names are looked up within it, too.
  std::chrono::milliseconds connect_timeout{2'000};
  // A connection of which one side has said its last is closed when the other says nothing for
  // this long.
  std::chrono::milliseconds half_closed_timeout{30'000};
};

class Forwarder {
 public:
  // UNAVAILABLE if the address can't be bound.
  static absl::StatusOr<std::unique_ptr<Forwarder>> Bind(const ForwarderOptions& options);
  // Waits for a look-up of a name that is under way.
  ~Forwarder();
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  // HOST:PORT, with the port that was bound.
  const std::string& address() const { return address_; }

  // `target` is HOST:PORT; "": nobody serves that is known of.
  void ForwardTo(const std::string& target);
  // Returns when all is closed. Nothing is forwarded any more.
  void Stop();
  void ReleasePort();

 private:
  class Impl;
  Forwarder(std::string address, std::unique_ptr<Impl> impl);

  const std::string address_;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace warren::standby
