#include "server/core/router.h"

namespace warren::core {

const std::vector<Queue*>& Router::Route(const VirtualHost& virtual_host, Exchange* exchange,
                                         std::string_view routing_key,
                                         const storage::Headers& headers) {
  queues_.clear();
  if (exchange == nullptr) {
    Queue* queue = virtual_host.FindQueue(routing_key);
    if (queue != nullptr) queues_.push_back(queue);
    return queues_;
  }

  ++round_;
  Visit(exchange->route_mark);
  to_visit_.assign(1, exchange);
  for (size_t i = 0; i < to_visit_.size(); ++i) {
    Exchange* from = to_visit_[i];
    matches_.clear();
    from->matcher->Match(routing_key, headers, matches_);
    for (const Binding* binding : matches_) {
      if (binding->queue != nullptr) {
        if (Visit(binding->queue->route_mark)) queues_.push_back(binding->queue);
      } else if (Visit(binding->exchange->route_mark)) {
        to_visit_.push_back(binding->exchange);
      }
    }
    if (matches_.empty() && !from->options.alternate_exchange.empty()) {
      Exchange* alternate = virtual_host.FindExchange(from->options.alternate_exchange);
      if (alternate != nullptr && Visit(alternate->route_mark)) to_visit_.push_back(alternate);
    }
  }
  return queues_;
}

}  // namespace warren::core
