// Parts of the core's state as inspection.h shows them. Pure functions.
#pragma once

#include "server/core/exchange.h"
#include "server/core/inspection.h"
#include "server/core/queue.h"
#include "server/core/virtual_host.h"

namespace warren::core {

inline QueueFigures Measure(const Queue& queue) {
  return {.id = queue.id,
          .virtual_host = queue.virtual_host.name,
          .name = queue.name,
          .ready = queue.ready_count(),
          .ready_bytes = queue.ready_bytes(),
          .delayed = queue.delayed_count(),
          .delayed_bytes = queue.delayed_bytes(),
          .unsettled = queue.unsettled_count(),
          .unsettled_bytes = queue.unsettled_bytes(),
          .consumers = queue.consumers.size(),
          .head_ready_since_ms = queue.HeadReadySinceMs(),
          .tally = queue.tally};
}

inline const std::string& DestinationName(const Binding& binding) {
  return binding.queue != nullptr ? binding.queue->name : binding.exchange->name;
}

// As it was asked for.
inline BindingSpec SpecOf(const Binding& binding) {
  return {.source = binding.source->name,
          .destination_kind =
              binding.queue != nullptr ? DestinationKind::kQueue : DestinationKind::kExchange,
          .destination = DestinationName(binding),
          .key = binding.key,
          .arguments = binding.arguments};
}

}  // namespace warren::core
