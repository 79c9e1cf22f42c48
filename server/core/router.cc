#include "server/core/router.h"

namespace warren::core {

template <typename OnQueue, typename OnExchange>
void Router::Walk(const VirtualHost& virtual_host, Exchange& exchange,
                  std::string_view routing_key, const storage::Headers& headers, OnQueue on_queue,
                  OnExchange on_exchange) {
  ++round_;
  Visit(exchange.route_mark);
  to_visit_.assign(1, &exchange);
  for (size_t i = 0; i < to_visit_.size(); ++i) {
    Exchange* from = to_visit_[i];
    matches_.clear();
    from->matcher->Match(routing_key, headers, matches_);
    for (const Binding* binding : matches_) {
      if (binding->queue != nullptr) {
        if (Visit(binding->queue->route_mark)) on_queue(binding->queue, binding, i);
      } else if (Visit(binding->exchange->route_mark)) {
        to_visit_.push_back(binding->exchange);
        on_exchange(binding->exchange, binding, i);
      }
    }
    if (matches_.empty() && !from->alternate_exchange().empty()) {
      Exchange* alternate = virtual_host.FindExchange(from->alternate_exchange());
      if (alternate != nullptr && Visit(alternate->route_mark)) {
        to_visit_.push_back(alternate);
        on_exchange(alternate, nullptr, i);
      }
    }
  }
}

const std::vector<Queue*>& Router::Route(const VirtualHost& virtual_host, Exchange* exchange,
                                         std::string_view routing_key,
                                         const storage::Headers& headers) {
  queues_.clear();
  if (exchange == nullptr) {
    Queue* queue = virtual_host.FindQueue(routing_key);
    if (queue != nullptr) queues_.push_back(queue);
    return queues_;
  }
  Walk(
      virtual_host, *exchange, routing_key, headers,
      [this](Queue* queue, const Binding*, size_t) { queues_.push_back(queue); },
      [](const Exchange*, const Binding*, size_t) {});
  return queues_;
}

std::vector<Router::Step> Router::Explain(const VirtualHost& virtual_host, Exchange& exchange,
                                          std::string_view routing_key,
                                          const storage::Headers& headers) {
  std::vector<Step> steps = {{.exchange = &exchange}};
  std::vector<size_t> step_of = {0};  // of each exchange, as they were reached
  Walk(
      virtual_host, exchange, routing_key, headers,
      [&](Queue* queue, const Binding* binding, size_t from) {
        steps.push_back({.from = step_of[from], .binding = binding, .queue = queue});
      },
      [&](const Exchange* reached, const Binding* binding, size_t from) {
        step_of.push_back(steps.size());
        steps.push_back({.from = step_of[from], .binding = binding, .exchange = reached});
      });
  return steps;
}

}  // namespace warren::core
