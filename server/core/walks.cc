// Walks over what there is, part by part; see inspection.h.
#include "server/core/broker_impl.h"
#include "server/core/measure.h"

namespace warren::core {
namespace {

// Goes on in a map behind `last`: take(key, value, part) appends to the part what the filter lets
// through.
template <typename PartType, typename Map, typename Key, typename Take>
PartType WalkMap(const Map& map, const Key& after, PartLimits limits, Take take) {
  PartType part{.items = {}, .last = after};
  auto it = map.upper_bound(after);
  for (; it != map.end() && limits.looks > 0 && part.items.size() < limits.items; ++it) {
    --limits.looks;
    part.last = it->first;
    take(*it->second, part.items);
  }
  part.done = it == map.end();
  return part;
}

}  // namespace

Part<VirtualHostFigures, std::string> Broker::Impl::WalkVirtualHosts(
    const std::string& after, PartLimits limits, const HostFilter& filter) const {
  using Result = Part<VirtualHostFigures, std::string>;
  return WalkMap<Result>(virtual_hosts_, after, limits, [&](const VirtualHost& host, auto& items) {
    if (host.deleting || !filter(host.name)) return;
    items.push_back({.name = host.name,
                     .queues = host.queue_count(),
                     .exchanges = host.exchange_count() + 1,
                     .ready = host.messages.ready,
                     .delayed = host.messages.delayed,
                     .unsettled = host.messages.unsettled});
  });
}

Part<ExchangeView, storage::ExchangeId> Broker::Impl::WalkExchanges(
    storage::ExchangeId after, PartLimits limits, const NameFilter& filter) const {
  using Result = Part<ExchangeView, storage::ExchangeId>;
  return WalkMap<Result>(exchanges_, after, limits, [&](const Exchange& exchange, auto& items) {
    if (!filter(exchange.virtual_host.name, exchange.name)) return;
    items.push_back({.id = exchange.id,
                     .virtual_host = exchange.virtual_host.name,
                     .name = exchange.name,
                     .options = exchange.options,
                     .bindings = exchange.bindings.size()});
  });
}

Part<QueueDetails, storage::QueueId> Broker::Impl::WalkQueues(storage::QueueId after,
                                                              PartLimits limits,
                                                              const NameFilter& filter) const {
  using Result = Part<QueueDetails, storage::QueueId>;
  return WalkMap<Result>(queues_, after, limits, [&](const Queue& queue, auto& items) {
    if (!filter(queue.virtual_host.name, queue.name)) return;
    items.push_back({.figures = Measure(queue), .options = queue.options});
  });
}

Part<ConsumerView, ConsumerId> Broker::Impl::WalkConsumers(ConsumerId after, PartLimits limits,
                                                           const NameFilter& filter) const {
  using Result = Part<ConsumerView, ConsumerId>;
  return WalkMap<Result>(consumers_, after, limits, [&](const Consumer& consumer, auto& items) {
    if (!filter(consumer.virtual_host->name, consumer.queue->name)) return;
    items.push_back({.id = consumer.id,
                     .virtual_host = consumer.virtual_host->name,
                     .queue = consumer.queue->name,
                     .name = consumer.name,
                     .prefetch = consumer.prefetch,
                     .unsettled = consumer.by_tag.size(),
                     .auto_ack = consumer.auto_ack,
                     .exclusive = consumer.exclusive});
  });
}

Part<BindingView, BindingPlace> Broker::Impl::WalkBindings(BindingPlace after, PartLimits limits,
                                                           const BindingFilter& filter) const {
  Part<BindingView, BindingPlace> part{.items = {}, .last = after};
  for (auto it = exchanges_.lower_bound(after.source); it != exchanges_.end(); ++it) {
    const Exchange& source = *it->second;
    // One that was left behind may be gone; the next begins at its start.
    if (source.id != part.last.source) part.last = {.source = source.id, .binding = {}};
    auto binding = source.bindings.upper_bound(part.last.binding);
    for (; binding != source.bindings.end(); ++binding) {
      if (limits.looks == 0 || part.items.size() == limits.items) return part;
      --limits.looks;
      part.last.binding = binding->first;
      const Binding& found = *binding->second;
      if (!filter(source.virtual_host.name, source.name, DestinationName(found))) continue;
      part.items.push_back({source.virtual_host.name, SpecOf(found)});
    }
    // An exchange without bindings is a look, too.
    if (limits.looks == 0) return part;
    --limits.looks;
  }
  part.done = true;
  return part;
}

}  // namespace warren::core
