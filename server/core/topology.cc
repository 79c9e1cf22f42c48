// Commands about virtual hosts, exchanges, queues and bindings.
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/core/broker_impl.h"
#include "server/core/option_difference.h"

namespace warren::core {
namespace {

constexpr std::string_view kReservedPrefix = "amq.";

bool IsReserved(std::string_view name) { return name.substr(0, 4) == kReservedPrefix; }

absl::Status NotFound(std::string_view kind, std::string_view name, std::string_view host) {
  const Subject subject{kind, name, host};
  return Error(absl::StatusCode::kNotFound, kind == "queue" ? "QUEUE_NOT_FOUND" : "EXCHANGE_NOT_FOUND",
               subject, absl::StrCat(Describe(subject), " does not exist; declare it first"));
}

absl::Status Reserved(const Subject& subject, std::string_view what) {
  return Error(absl::StatusCode::kPermissionDenied, "NAME_RESERVED", subject,
               absl::StrCat(Describe(subject), " ", absl::string_view(what.data(), what.size())));
}

absl::Status OptionsDiffer(const Subject& subject, const std::string& difference) {
  return Error(absl::StatusCode::kFailedPrecondition, "OPTIONS_DIFFER", subject,
               absl::StrCat(Describe(subject), " exists with other options: ", difference,
                            "; declare it alike, or delete it first"));
}

constexpr std::string_view kDefaultExchange =
    "is the default exchange: it can't be declared, bound, unbound or deleted";

}  // namespace

VirtualHost& Broker::Impl::AddVirtualHost(const std::string& name) {
  return *virtual_hosts_.emplace(name, std::make_unique<VirtualHost>(name)).first->second;
}

void Broker::Impl::Handle(DeclareVirtualHost& c) {
  const auto existing = virtual_hosts_.find(c.name);
  if (existing != virtual_hosts_.end() && existing->second->deleting) {
    existing->second->asked_to_declare.push_back(c.request);
    return;
  }
  if (existing == virtual_hosts_.end()) {
    AddVirtualHost(c.name);
    ledger_.Append(storage::VirtualHostDeclared{c.name});
    DeclarePredeclared(*virtual_hosts_.at(c.name));
  }
  Reply(c.request, absl::OkStatus());
}

void Broker::Impl::DeclarePredeclared(VirtualHost& host) {
  using storage::ExchangeType;
  static constexpr std::pair<const char*, ExchangeType> kPredeclared[] = {
      {"amq.direct", ExchangeType::kDirect},   {"amq.fanout", ExchangeType::kFanout},
      {"amq.topic", ExchangeType::kTopic},     {"amq.headers", ExchangeType::kHeaders},
      {"amq.match", ExchangeType::kHeaders},
  };
  for (const auto& [name, type] : kPredeclared) {
    if (host.FindExchange(name) != nullptr) continue;
    const Exchange& exchange = AddExchange(host, {NextId()}, name, {.type = type, .durable = true});
    ledger_.Append(storage::ExchangeDeclared{exchange.id, host.name, name, exchange.declared});
  }
}

absl::StatusOr<VirtualHost*> Broker::Impl::GetVirtualHost(const std::string& name) const {
  if (VirtualHost* host = FindVirtualHost(name)) return host;
  return Error(absl::StatusCode::kNotFound, "VIRTUAL_HOST_NOT_FOUND", {"virtual_host", name, name},
               absl::StrCat("virtual host \"", name,
                            "\" does not exist; start the broker with it, or use \"/\""));
}

absl::StatusOr<Queue*> Broker::Impl::GetQueue(const std::string& virtual_host,
                                              const std::string& name, ConsumerId user) {
  absl::StatusOr<VirtualHost*> host = GetVirtualHost(virtual_host);
  if (!host.ok()) return host.status();
  Queue* queue = (*host)->FindQueue(name);
  if (queue == nullptr) return NotFound("queue", name, virtual_host);
  if (queue->declared.exclusive && queue->exclusive_owner != user) {
    const Subject subject{"queue", name, virtual_host};
    return Error(absl::StatusCode::kFailedPrecondition, "QUEUE_LOCKED", subject,
                 absl::StrCat(Describe(subject),
                              " is exclusive to another stream; only that stream may use it"));
  }
  return queue;
}

void Broker::Impl::RefuseGet(const Get& c) {
  Reply(c.request, NotFound("queue", c.queue, c.virtual_host));
}

// ---- Exchanges ----

Exchange& Broker::Impl::AddExchange(VirtualHost& host, storage::ExchangeId id,
                                    const std::string& name,
                                    const storage::ExchangeOptions& options) {
  auto owned = std::make_unique<Exchange>(id, host, name, options);
  Exchange& exchange = *owned;
  exchange.policy = host.policies.ForExchange(name);
  host.Add(std::move(owned));
  exchanges_.emplace(id, &exchange);
  return exchange;
}

absl::Status Broker::Impl::Declare(const DeclareExchange& c) {
  absl::StatusOr<VirtualHost*> host = GetVirtualHost(c.virtual_host);
  if (!host.ok()) return host.status();
  const Subject subject{"exchange", c.name, c.virtual_host};
  if (c.name.empty()) {
    return c.options ? Reserved(subject, kDefaultExchange) : absl::OkStatus();
  }
  const Exchange* existing = (*host)->FindExchange(c.name);
  if (existing == nullptr && !c.options) return NotFound("exchange", c.name, c.virtual_host);
  if (existing != nullptr) {
    const std::string difference =
        c.options ? FirstDifference(existing->declared, *c.options) : "";
    return difference.empty() ? absl::OkStatus() : OptionsDiffer(subject, difference);
  }
  if (IsReserved(c.name)) {
    return Reserved(subject, "begins with \"amq.\", which is reserved; choose another name");
  }
  const Exchange& exchange = AddExchange(**host, {NextId()}, c.name, *c.options);
  if (exchange.declared.durable) {
    ledger_.Append(
        storage::ExchangeDeclared{exchange.id, c.virtual_host, c.name, exchange.declared});
  }
  return absl::OkStatus();
}

void Broker::Impl::Handle(DeclareExchange& c) { Reply(c.request, Declare(c)); }

absl::Status Broker::Impl::Delete(const DeleteExchange& c) {
  absl::StatusOr<VirtualHost*> host = GetVirtualHost(c.virtual_host);
  if (!host.ok()) return host.status();
  const Subject subject{"exchange", c.name, c.virtual_host};
  if (c.name.empty()) return Reserved(subject, kDefaultExchange);
  if (IsReserved(c.name)) {
    return Reserved(subject, "is predeclared; it can't be deleted");
  }
  Exchange* exchange = (*host)->FindExchange(c.name);
  if (exchange == nullptr) return absl::OkStatus();
  if (c.if_unused && !exchange->bindings.empty()) {
    return Error(absl::StatusCode::kFailedPrecondition, "EXCHANGE_IN_USE", subject,
                 absl::StrCat(Describe(subject), " is the source of ", exchange->bindings.size(),
                              " binding(s); remove them, or delete it without if_unused"));
  }
  RemoveExchange(*exchange);
  return absl::OkStatus();
}

void Broker::Impl::Handle(DeleteExchange& c) { Reply(c.request, Delete(c)); }

void Broker::Impl::RemoveExchange(Exchange& exchange) {
  while (!exchange.bindings.empty()) RemoveBinding(*exchange.bindings.begin()->second);
  while (!exchange.incoming.empty()) RemoveBinding(*exchange.incoming.begin()->second);
  if (exchange.declared.durable) ledger_.Append(storage::ExchangeDeleted{exchange.id});
  timers_.Stop(exchange.timer, TimerKind::kExchange, exchange.id.value);
  exchanges_.erase(exchange.id);
  exchange.virtual_host.Remove(exchange);
}

// ---- Queues ----

Queue& Broker::Impl::AddQueue(VirtualHost& host, storage::QueueId id, const std::string& name,
                              const storage::QueueOptions& options) {
  auto owned = std::make_unique<Queue>(id, host, name, options);
  Queue& queue = *owned;
  queue.last_used_ms = now_ms_;
  queue.Follow(host.policies.ForQueue(name));
  // What isn't in the journal has nothing to tell it before it is served.
  if (!queue.durable()) queue.serving = Serving::kYes;
  host.Add(std::move(owned));
  queues_.emplace(id, &queue);
  SetQueueTimer(queue);
  return queue;
}

absl::StatusOr<Queue*> Broker::Impl::Declare(VirtualHost& host, const std::string& name,
                                             const std::optional<storage::QueueOptions>& options,
                                             ConsumerId owner) {
  const Subject subject{"queue", name, host.name};
  if (Queue* existing = name.empty() ? nullptr : host.FindQueue(name)) {
    const absl::StatusOr<Queue*> queue = GetQueue(host.name, name, owner);
    if (!queue.ok()) return queue;
    const std::string difference = options ? FirstDifference(existing->declared, *options) : "";
    if (!difference.empty()) return OptionsDiffer(subject, difference);
    existing->last_used_ms = now_ms_;
    if (options) ++usage_.queues_declared_total;
    return existing;
  }
  if (!options) return NotFound("queue", name, host.name);
  if (options->exclusive && !owner) {
    return Error(absl::StatusCode::kInvalidArgument, "EXCLUSIVE_NEEDS_STREAM", subject,
                 absl::StrCat(Describe(subject), " is to be exclusive: it lives and dies with a "
                              "Consume stream, so declare it in that stream's subscribe frame"));
  }
  if (options->dead_letter_routing_key && !options->dead_letter_exchange) {
    return Error(absl::StatusCode::kInvalidArgument, "DEAD_LETTER_EXCHANGE_MISSING", subject,
                 absl::StrCat(Describe(subject), " has a dead_letter_routing_key without a "
                              "dead_letter_exchange; set both, or only the exchange"));
  }
  if (options->retry && options->delivery_limit != 0) {
    return Error(absl::StatusCode::kInvalidArgument, "OPTIONS_CONFLICT", subject,
                 absl::StrCat(Describe(subject), " has both a retry policy and a delivery_limit; "
                              "retry.max_attempts is a limit already, so set only one of them"));
  }
  if (IsReserved(name)) {
    return Reserved(subject, "begins with \"amq.\", which is reserved; choose another name");
  }
  if (queues_.size() >= options_.max_queues) {
    return Error(absl::StatusCode::kResourceExhausted, "QUEUE_LIMIT", subject,
                 absl::StrCat("the broker has ", queues_.size(), " queues, its limit is ",
                              options_.max_queues, "; delete some, or raise limits.max_queues"));
  }
  if (absl::Status status = CheckQueueLimit(host); !status.ok()) return status;
  Queue& queue = AddQueue(host, {NextId()}, name.empty() ? MakeName("amq.gen-") : name, *options);
  ++usage_.queues_declared_total;
  ++usage_.queues_created_total;
  if (queue.declared.exclusive) queue.exclusive_owner = owner;
  if (queue.durable()) {
    ledger_.Append(storage::QueueDeclared{queue.id, host.name, queue.name, queue.declared});
  }
  return &queue;
}

void Broker::Impl::Handle(DeclareQueue& c) {
  const absl::StatusOr<VirtualHost*> host = GetVirtualHost(c.virtual_host);
  if (!host.ok()) return Reply(c.request, host.status());
  const absl::StatusOr<Queue*> queue = Declare(**host, c.name, c.options, {});
  if (!queue.ok()) return Reply(c.request, queue.status());
  Reply(c.request, absl::OkStatus(),
        QueueInfo{.name = (*queue)->name,
                  .message_count = (*queue)->ready_count(),
                  .consumer_count = static_cast<uint32_t>((*queue)->consumers.size())});
}

absl::StatusOr<uint64_t> Broker::Impl::Delete(const DeleteQueue& c) {
  const absl::StatusOr<Queue*> found = GetQueue(c.virtual_host, c.name);
  if (!found.ok()) {
    const bool no_such_queue = absl::IsNotFound(found.status()) &&
                               ErrorInfoOf(found.status()).reason == "QUEUE_NOT_FOUND";
    return no_such_queue ? absl::StatusOr<uint64_t>(0) : found.status();
  }
  Queue& queue = **found;
  const Subject subject{"queue", c.name, c.virtual_host};
  if (c.if_unused && !queue.consumers.empty()) {
    return Error(absl::StatusCode::kFailedPrecondition, "QUEUE_IN_USE", subject,
                 absl::StrCat(Describe(subject), " has ", queue.consumers.size(),
                              " consumer(s); stop them, or delete it without if_unused"));
  }
  if (c.if_empty && queue.ready_count() > 0) {
    return Error(absl::StatusCode::kFailedPrecondition, "QUEUE_NOT_EMPTY", subject,
                 absl::StrCat(Describe(subject), " has ", queue.ready_count(),
                              " ready message(s); purge it, or delete it without if_empty"));
  }
  const uint64_t messages = queue.ready_count();
  RemoveQueue(queue, "deleted");
  return messages;
}

void Broker::Impl::Handle(DeleteQueue& c) {
  const absl::StatusOr<uint64_t> messages = Delete(c);
  if (!messages.ok()) return Reply(c.request, messages.status());
  Reply(c.request, absl::OkStatus(), MessageCount{*messages});
}

void Broker::Impl::RemoveQueue(Queue& queue, std::string_view why) {
  const auto remove = [&](Entry& entry) {
    ++usage_.removed_total;
    Discard(queue, entry, Ledger::Left::kForGood);
  };
  while (!queue.consumers.empty()) {
    Consumer& consumer = *queue.consumers.begin()->second;
    while (Entry* entry = consumer.unsettled.front()) {
      Release({.queue = &queue, .entry = entry, .consumer = &consumer});
      remove(*entry);
    }
    Emit(Cancelled{.consumer = consumer.id,
                   .reason = CancelReason::kQueueDeleted,
                   .message = absl::StrCat(Describe({"queue", queue.name, queue.virtual_host.name}),
                                           " was ", absl::string_view(why.data(), why.size()))});
    ForgetConsumer(consumer);
  }
  while (Entry* entry = queue.leased.front()) {
    Release({.queue = &queue, .entry = entry, .consumer = nullptr});
    remove(*entry);
  }
  for (Entry* entry : queue.TakeHeld(queue.held_count())) {
    --usage_.held_messages;
    remove(*entry);
  }
  while (Entry* entry = queue.TakeDying()) {
    --usage_.dying_messages;
    remove(*entry);
  }
  while (Entry* entry = queue.ready().head()) {
    Take(queue, *entry);
    remove(*entry);
  }
  while (!queue.deadlines().empty()) {  // delayed ones: the ready ones are gone
    Entry* entry = queue.deadlines().front();
    Take(queue, *entry);
    remove(*entry);
  }
  while (!queue.bindings.empty()) RemoveBinding(*queue.bindings.begin()->second);
  if (queue.durable()) ledger_.Append(storage::QueueDeleted{queue.id});
  timers_.Stop(queue.timer, TimerKind::kQueue, queue.id.value);
  queues_.erase(queue.id);
  ++usage_.queues_deleted_total;
  std::deque<Get> waiting = std::move(queue.waiting_gets);
  std::vector<MoveMessages> waiting_moves = std::move(queue.waiting_moves);
  queue.virtual_host.Remove(queue);
  for (const Get& get : waiting) RefuseGet(get);
  // They find out that it is gone.
  for (MoveMessages& move : waiting_moves) Handle(move);
}

void Broker::Impl::Handle(PurgeQueue& c) {
  const absl::StatusOr<Queue*> queue = GetQueue(c.virtual_host, c.name);
  if (!queue.ok()) return Reply(c.request, queue.status());
  const uint64_t messages = (*queue)->ready_count();
  while (Entry* entry = (*queue)->ready().head()) {
    Take(**queue, *entry);
    ++usage_.removed_total;
    ++usage_.purged_total;
    Discard(**queue, *entry, Ledger::Left::kForGood);
  }
  Reply(c.request, absl::OkStatus(), MessageCount{messages});
}

// ---- Bindings ----

absl::StatusOr<Binding*> Broker::Impl::Find(VirtualHost& host, const BindingSpec& spec,
                                            ConsumerId user, Binding& like) {
  if (spec.source.empty() ||
      (spec.destination.empty() && spec.destination_kind == DestinationKind::kExchange)) {
    return Reserved({"exchange", "", host.name}, kDefaultExchange);
  }
  like.source = host.FindExchange(spec.source);
  if (like.source == nullptr) return NotFound("exchange", spec.source, host.name);
  if (spec.destination_kind == DestinationKind::kQueue) {
    absl::StatusOr<Queue*> queue = GetQueue(host.name, spec.destination, user);
    if (!queue.ok()) return queue.status();
    like.queue = *queue;
  } else {
    like.exchange = host.FindExchange(spec.destination);
    if (like.exchange == nullptr) return NotFound("exchange", spec.destination, host.name);
  }
  like.key = spec.key;
  like.arguments = spec.arguments;
  return host.FindBinding(like);
}

absl::Status Broker::Impl::Add(VirtualHost& host, const BindingSpec& spec, ConsumerId user) {
  auto binding = std::make_unique<Binding>();
  const absl::StatusOr<Binding*> existing = Find(host, spec, user, *binding);
  if (!existing.ok()) return existing.status();
  if (*existing != nullptr) return absl::OkStatus();
  const absl::Status valid =
      binding->source->matcher->Check(binding->source->name, binding->key, binding->arguments);
  if (!valid.ok()) return WithMetadata(valid, "virtual_host", host.name);
  binding->id = {NextId()};
  binding->durable =
      binding->source->declared.durable &&
      (binding->queue != nullptr ? binding->queue->durable() : binding->exchange->declared.durable);
  if (binding->durable) {
    ledger_.Append(storage::BindingAdded{
        .id = binding->id,
        .source = binding->source->id,
        .queue = binding->queue != nullptr ? binding->queue->id : storage::QueueId(),
        .exchange = binding->exchange != nullptr ? binding->exchange->id : storage::ExchangeId(),
        .key = binding->key,
        .arguments = binding->arguments});
  }
  host.Add(std::move(binding));
  ++usage_.bindings;
  return absl::OkStatus();
}

void Broker::Impl::Handle(Bind& c) {
  const absl::StatusOr<VirtualHost*> host = GetVirtualHost(c.virtual_host);
  Reply(c.request, host.ok() ? Add(**host, c.binding, {}) : host.status());
}

void Broker::Impl::Handle(Unbind& c) {
  const absl::StatusOr<VirtualHost*> host = GetVirtualHost(c.virtual_host);
  if (!host.ok()) return Reply(c.request, host.status());
  Binding like;
  const absl::StatusOr<Binding*> binding = Find(**host, c.binding, {}, like);
  // One whose ends are gone is gone as well.
  if (!binding.ok() && !absl::IsNotFound(binding.status())) {
    return Reply(c.request, binding.status());
  }
  if (binding.ok() && *binding != nullptr) RemoveBinding(**binding);
  Reply(c.request, absl::OkStatus());
}

void Broker::Impl::RemoveBinding(Binding& binding) {
  Exchange& source = *binding.source;
  if (binding.durable) ledger_.Append(storage::BindingRemoved{binding.id});
  source.virtual_host.Remove(binding);
  --usage_.bindings;
  if (source.declared.auto_delete && source.bindings.empty()) idle_exchanges_.push_back(source.id);
}

}  // namespace warren::core
