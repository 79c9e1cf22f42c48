// Clients declare, delete, bind and unbind as they go.
#include <algorithm>
#include <utility>

#include "tests/sim/world.h"

namespace warren::sim {

void World::DeclareAll() {
  for (const ExchangeSetting& exchange : settings_.exchanges) {
    if (!problem_.empty()) return;
    Do(core::DeclareExchange{NewRequest(), kHost, exchange.name, exchange.options});
  }
  for (const QueueSetting& queue : settings_.queues) {
    if (!problem_.empty()) return;
    Do(core::DeclareQueue{NewRequest(), kHost, queue.name, queue.options});
  }
  for (const core::BindingSpec& binding : settings_.bindings) {
    if (!problem_.empty()) return;
    Do(core::Bind{NewRequest(), kHost, binding});
  }
}

void World::Change(Action action, Random& random) {
  const core::RequestId request = NewRequest();
  const QueueSetting& queue = settings_.queues[random.Below(settings_.queues.size())];
  const ExchangeSetting& exchange = settings_.exchanges[random.Below(settings_.exchanges.size())];
  switch (action) {
    case Action::kDeclareQueue: {
      core::DeclareQueue declare{request, kHost, queue.name, queue.options};
      if (random.Chance(20)) declare.options = RandomQueueOptions(random, settings_.paging);
      if (random.Chance(10)) declare.options.reset();
      // Without changes it must be what it is, or nothing.
      if (!settings_.changes && declare.options) declare.options = queue.options;
      return Do(std::move(declare));
    }
    case Action::kDeclareExchange: {
      core::DeclareExchange declare{request, kHost, exchange.name, exchange.options};
      if (random.Chance(20)) declare.options = RandomExchangeOptions(random);
      if (random.Chance(10)) declare.options.reset();
      if (random.Chance(5)) declare.name = "amq.own";
      if (!settings_.changes && declare.options) declare.options = exchange.options;
      return Do(std::move(declare));
    }
    case Action::kBind:
      return Do(core::Bind{request, kHost,
                           settings_.changes || settings_.bindings.empty()
                               ? RandomBinding(random, settings_)
                               : settings_.bindings[random.Below(settings_.bindings.size())]});
    default:
      break;
  }
  if (!settings_.changes) return;
  switch (action) {
    case Action::kDeleteQueue:
      return Do(core::DeleteQueue{.request = request,
                                  .virtual_host = kHost,
                                  .name = queue.name,
                                  .if_unused = random.Chance(30),
                                  .if_empty = random.Chance(30)});
    case Action::kPurgeQueue:
      return Do(core::PurgeQueue{request, kHost, queue.name});
    case Action::kUnbind:
      return Do(core::Unbind{request, kHost,
                             random.Chance(30) || settings_.bindings.empty()
                                 ? RandomBinding(random, settings_)
                                 : settings_.bindings[random.Below(settings_.bindings.size())]});
    case Action::kDeleteExchange:
      return Do(core::DeleteExchange{request, kHost, exchange.name, random.Chance(30)});
    case Action::kMoveMessages:
      return Do(core::MoveMessages{
          .request = request,
          .virtual_host = kHost,
          .source = queue.name,
          .destination = settings_.queues[random.Below(settings_.queues.size())].name,
          .max_messages = static_cast<uint32_t>(random.From(1, 6))});
    case Action::kCancelScheduled:
      return Do(CancelSome(request, queue.name, random));
    case Action::kChangePolicy: {
      const std::string name(1, static_cast<char>('a' + random.Below(4)));
      if (random.Chance(30)) return Do(core::DeletePolicy{request, kHost, name});
      return Do(core::PutPolicy{request, RandomPolicy(name, random)});
    }
    default:
      return;
  }
}

storage::Policy World::RandomPolicy(const std::string& name, Random& random) const {
  const QueueSetting& queue = settings_.queues[random.Below(settings_.queues.size())];
  storage::Policy policy{.virtual_host = kHost,
                         .name = name,
                         .pattern = random.Chance(30) ? ".*" : "^" + queue.name,
                         .target = static_cast<storage::PolicyTarget>(random.From(1, 3)),
                         .priority = static_cast<int32_t>(random.From(-1, 1))};
  const storage::QueueOptions any = RandomQueueOptions(random, settings_.paging);
  policy.queue.message_ttl_ms = any.message_ttl_ms;
  policy.queue.max_length = any.max_length;
  policy.queue.max_length_bytes = any.max_length_bytes;
  policy.queue.overflow = any.overflow;
  policy.queue.dead_letter_exchange = any.dead_letter_exchange;
  policy.queue.dead_letter_routing_key = any.dead_letter_routing_key;
  policy.queue.delivery_limit = any.delivery_limit;
  if (random.Chance(20)) policy.queue.expires_ms = random.From(20, 100);
  policy.alternate_exchange = RandomExchangeOptions(random).alternate_exchange;
  return policy;
}

// By what the broker calls them, by their message ids, or all.
core::CancelScheduledMessages World::CancelSome(core::RequestId request, const std::string& queue,
                                                Random& random) {
  core::CancelScheduledMessages cancel{.request = request, .virtual_host = kHost, .queue = queue};
  cancel.all = random.Chance(20);
  const auto id = broker_->FindQueue(kHost, queue);
  if (!id.ok() || cancel.all) return cancel;
  const auto part = broker_->Peek(*id, {}, core::EntryPlace::kDelayed, 10);
  for (const core::EntryView& entry : part.items) {
    const bool has_id = entry.message && entry.message->properties &&
                        !entry.message->properties->message_id.empty();
    if (random.Chance(30)) {
      cancel.ids.push_back(entry.message_id);
    } else if (has_id && random.Chance(50)) {
      cancel.message_ids.push_back(entry.message->properties->message_id);
    }
  }
  return cancel;
}

}  // namespace warren::sim
