// The router: which queues a message goes to. Step 3 of a message's life.
//
// Follows bindings through exchanges, each exchange once (cycles are harmless) and each queue once.
// An exchange that yields nothing hands on to its alternate exchange; chains are followed. The cost
// is that of the matching bindings. Broker thread only.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "server/core/virtual_host.h"

namespace warren::core {

class Router {
 public:
  // The queues, in the order in which they were found, which is the same on every run. Valid until
  // the next call. `exchange` null is the default exchange.
  const std::vector<Queue*>& Route(const VirtualHost& virtual_host, Exchange* exchange,
                                   std::string_view routing_key, const storage::Headers& headers);

 private:
  bool Visit(uint64_t& mark) {
    const bool first = mark != round_;
    mark = round_;
    return first;
  }

  // Queues and exchanges that were seen in this round carry its number.
  uint64_t round_ = 0;
  // Scratch, kept to save allocations.
  std::vector<Queue*> queues_;
  std::vector<Exchange*> to_visit_;
  std::vector<const Binding*> matches_;
};

}  // namespace warren::core
