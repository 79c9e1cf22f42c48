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
                     .streams = host.stream_count(),
                     .limits = host.limits,
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
    ExchangeView& view = items.emplace_back();
    view.id = exchange.id;
    view.virtual_host = exchange.virtual_host.name;
    view.name = exchange.name;
    view.options = exchange.declared;
    if (exchange.alternate_exchange() != exchange.declared.alternate_exchange) {
      view.effective = exchange.declared;
      view.effective->alternate_exchange = exchange.alternate_exchange();
    }
    if (exchange.policy != nullptr) view.policy = exchange.policy->name;
    view.bindings = exchange.bindings.size();
  });
}

Part<QueueDetails, storage::QueueId> Broker::Impl::WalkQueues(storage::QueueId after,
                                                              PartLimits limits,
                                                              const NameFilter& filter) const {
  using Result = Part<QueueDetails, storage::QueueId>;
  return WalkMap<Result>(queues_, after, limits, [&](const Queue& queue, auto& items) {
    if (!filter(queue.virtual_host.name, queue.name)) return;
    QueueDetails& details = items.emplace_back();
    details.figures = Measure(queue);
    details.options = queue.declared;
    if (queue.follows_policy()) details.effective = queue.options();
    if (queue.policy() != nullptr) details.policy = queue.policy()->name;
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

Part<storage::Policy, PolicyPlace> Broker::Impl::WalkPolicies(PolicyPlace after, PartLimits limits,
                                                              const NameFilter& filter) const {
  Part<storage::Policy, PolicyPlace> part{.items = {}, .last = std::move(after)};
  for (auto host = virtual_hosts_.lower_bound(part.last.virtual_host);
       host != virtual_hosts_.end(); ++host) {
    if (host->first != part.last.virtual_host) part.last = {.virtual_host = host->first, .name = ""};
    if (limits.looks == 0) return part;
    --limits.looks;  // a host without policies is a look, too
    if (host->second->deleting) continue;
    const auto& policies = host->second->policies.by_name();
    for (auto it = policies.upper_bound(part.last.name); it != policies.end(); ++it) {
      if (limits.looks == 0 || part.items.size() == limits.items) return part;
      --limits.looks;
      part.last.name = it->first;
      if (filter(host->first, it->first)) part.items.push_back(*it->second);
    }
  }
  part.done = true;
  return part;
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
