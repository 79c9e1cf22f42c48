// Connections, as far as they have calls or streams: what gRPC tells of them. Loop thread only.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "server/api/look.h"

namespace warren::api {

struct Peer {
  std::set<std::string, std::less<>> users;
  int64_t since_ms = 0;  // of its oldest open call
  uint32_t publishers = 0;
  uint32_t consumers = 0;
  uint32_t calls = 0;
};

// Groups all sessions by the peer, in parts.
class PeerWalk {
 public:
  // One part; true: that was the last.
  bool GoOn(const Caller& caller);
  const std::map<std::string, Peer, std::less<>>& peers() const { return peers_; }

 private:
  uint64_t last_ = 0;  // session
  std::map<std::string, Peer, std::less<>> peers_;
};

}  // namespace warren::api
