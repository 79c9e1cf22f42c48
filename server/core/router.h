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

  // The same, with how each was reached. Bindings are valid until the topology changes.
  struct Step {
    size_t from = 0;                      // the step before, in the same list; 0 is the start
    const Binding* binding = nullptr;     // null: as alternate exchange
    const Exchange* exchange = nullptr;   // reached; null: `queue` was
    Queue* queue = nullptr;
  };
  // All steps that reached something for the first time; the first one is the start, which has no
  // binding and is the exchange itself. The way to anything is the shortest there is.
  std::vector<Step> Explain(const VirtualHost& virtual_host, Exchange& exchange,
                            std::string_view routing_key, const storage::Headers& headers);

 private:
  // The one walk: on_queue(queue, binding, from) and on_exchange(exchange, binding, from) for what
  // is reached for the first time; from: which of the exchanges, in the order of reaching them.
  template <typename OnQueue, typename OnExchange>
  void Walk(const VirtualHost& virtual_host, Exchange& exchange, std::string_view routing_key,
            const storage::Headers& headers, OnQueue on_queue, OnExchange on_exchange);

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
