// Exchanges, queues and bindings.
#include <algorithm>
#include <utility>

#include "tests/sim/reference/reference.h"

namespace warren::sim {
namespace {

bool IsReserved(const std::string& name) { return name.rfind("amq.", 0) == 0; }

}  // namespace

absl::StatusOr<ReferenceQueue*> Reference::GetQueue(const std::string& name,
                                                    core::ConsumerId user) {
  ReferenceQueue* queue = state_.FindQueue(name);
  if (queue == nullptr) return Fail(absl::StatusCode::kNotFound, "QUEUE_NOT_FOUND");
  if (queue->options.exclusive && queue->owner != user) {
    return Fail(absl::StatusCode::kFailedPrecondition, "QUEUE_LOCKED");
  }
  return queue;
}

// ---- Exchanges ----

void Reference::Handle(const core::DeclareExchange& c) {
  const ReferenceExchange* existing = state_.FindExchange(c.name);
  if (existing != nullptr) {
    const bool differs = c.options && *c.options != existing->declared;
    return Reply(c.request, differs ? Fail(absl::StatusCode::kFailedPrecondition, "OPTIONS_DIFFER")
                                    : absl::OkStatus());
  }
  if (!c.options) {
    return Reply(c.request, Fail(absl::StatusCode::kNotFound, "EXCHANGE_NOT_FOUND"));
  }
  if (IsReserved(c.name)) {
    return Reply(c.request, Fail(absl::StatusCode::kPermissionDenied, "NAME_RESERVED"));
  }
  state_.exchanges.push_back(
      {.number = state_.next_number++, .name = c.name, .declared = *c.options});
  state_.FollowPolicy(state_.exchanges.back());
  if (c.options->durable) RestOn(open_lsn_);
  Reply(c.request, absl::OkStatus());
}

void Reference::Handle(const core::DeleteExchange& c) {
  if (IsReserved(c.name)) {
    return Reply(c.request, Fail(absl::StatusCode::kPermissionDenied, "NAME_RESERVED"));
  }
  if (state_.FindExchange(c.name) != nullptr) {
    const bool used = std::any_of(state_.bindings.begin(), state_.bindings.end(),
                                  [&](const ReferenceBinding& b) { return b.source == c.name; });
    if (c.if_unused && used) {
      return Reply(c.request, Fail(absl::StatusCode::kFailedPrecondition, "EXCHANGE_IN_USE"));
    }
    RemoveExchange(c.name);
  }
  Reply(c.request, absl::OkStatus());
}

void Reference::RemoveExchange(const std::string& name) {
  RemoveBindings([&](const ReferenceBinding& b) {
    return b.source == name || (!b.to_queue && b.destination == name);
  });
  if (state_.FindExchange(name)->options.durable) RestOn(open_lsn_);
  std::erase_if(state_.exchanges, [&](const ReferenceExchange& e) { return e.name == name; });
}

// ---- Queues ----

absl::StatusOr<ReferenceQueue*> Reference::Declare(
    const std::string& name, const std::optional<storage::QueueOptions>& options,
    core::ConsumerId owner) {
  if (state_.FindQueue(name) != nullptr) {
    const absl::StatusOr<ReferenceQueue*> queue = GetQueue(name, owner);
    if (!queue.ok()) return queue;
    if (options && *options != (*queue)->declared) {
      return Fail(absl::StatusCode::kFailedPrecondition, "OPTIONS_DIFFER");
    }
    (*queue)->last_used_ms = now_ms_;
    return queue;
  }
  if (!options) return Fail(absl::StatusCode::kNotFound, "QUEUE_NOT_FOUND");
  if (options->exclusive && !owner) {
    return Fail(absl::StatusCode::kInvalidArgument, "EXCLUSIVE_NEEDS_STREAM");
  }
  if (options->dead_letter_routing_key && !options->dead_letter_exchange) {
    return Fail(absl::StatusCode::kInvalidArgument, "DEAD_LETTER_EXCHANGE_MISSING");
  }
  if (options->retry && options->delivery_limit != 0) {
    return Fail(absl::StatusCode::kInvalidArgument, "OPTIONS_CONFLICT");
  }
  if (IsReserved(name)) return Fail(absl::StatusCode::kPermissionDenied, "NAME_RESERVED");
  const uint64_t number = state_.next_number++;
  ReferenceQueue& queue = state_.queues[number];
  queue.number = number;
  queue.name = name;
  queue.declared = *options;
  state_.FollowPolicy(queue);
  if (options->exclusive) queue.owner = owner;
  queue.last_used_ms = now_ms_;
  if (queue.durable()) RestOn(open_lsn_);
  return &queue;
}

void Reference::Handle(const core::DeclareQueue& c) {
  const absl::StatusOr<ReferenceQueue*> queue = Declare(c.name, c.options, {});
  if (!queue.ok()) return Reply(c.request, queue.status());
  core::QueueInfo info{.name = c.name, .message_count = (*queue)->ready()};
  for (const auto& [id, consumer] : consumers_) {
    if (consumer.queue == (*queue)->number) ++info.consumer_count;
  }
  Reply(c.request, absl::OkStatus(), std::move(info));
}

void Reference::Handle(const core::DeleteQueue& c) {
  if (state_.FindQueue(c.name) == nullptr) {
    return Reply(c.request, absl::OkStatus(), core::MessageCount{0});
  }
  const absl::StatusOr<ReferenceQueue*> queue = GetQueue(c.name);
  if (!queue.ok()) return Reply(c.request, queue.status());
  if (c.if_unused && HasConsumer(**queue)) {
    return Reply(c.request, Fail(absl::StatusCode::kFailedPrecondition, "QUEUE_IN_USE"));
  }
  if (c.if_empty && (*queue)->ready() > 0) {
    return Reply(c.request, Fail(absl::StatusCode::kFailedPrecondition, "QUEUE_NOT_EMPTY"));
  }
  const uint64_t messages = (*queue)->ready();
  RemoveQueue(**queue);
  Reply(c.request, absl::OkStatus(), core::MessageCount{messages});
}

void Reference::RemoveQueue(ReferenceQueue& queue) {
  std::vector<core::ConsumerId> consumers;
  for (const auto& [id, consumer] : consumers_) {
    if (consumer.queue == queue.number) consumers.push_back(id);
  }
  for (const core::ConsumerId id : consumers) {
    Emit(core::Cancelled{
        .consumer = id, .reason = core::CancelReason::kQueueDeleted, .message = ""});
    Forget(id);
  }
  while (!queue.copies.empty()) Leave(queue, queue.copies.back());
  RemoveBindings([&](const ReferenceBinding& b) {
    return b.to_queue && b.destination == queue.name;
  });
  if (queue.durable()) RestOn(open_lsn_);
  state_.queues.erase(queue.number);
}

void Reference::Handle(const core::PurgeQueue& c) {
  const absl::StatusOr<ReferenceQueue*> queue = GetQueue(c.name);
  if (!queue.ok()) return Reply(c.request, queue.status());
  const uint64_t messages = (*queue)->ready();
  while (Copy* head = (*queue)->Head()) Leave(**queue, *head);
  Reply(c.request, absl::OkStatus(), core::MessageCount{messages});
}

// ---- Bindings ----

absl::StatusOr<ReferenceBinding> Reference::Resolve(const core::BindingSpec& spec,
                                                    core::ConsumerId user) {
  ReferenceBinding binding{.source = spec.source,
                           .to_queue = spec.destination_kind == core::DestinationKind::kQueue,
                           .destination = spec.destination,
                           .key = spec.key,
                           .arguments = spec.arguments};
  if (spec.source.empty() || (!binding.to_queue && spec.destination.empty())) {
    return Fail(absl::StatusCode::kPermissionDenied, "NAME_RESERVED");
  }
  const ReferenceExchange* source = state_.FindExchange(spec.source);
  if (source == nullptr) return Fail(absl::StatusCode::kNotFound, "EXCHANGE_NOT_FOUND");
  bool durable = false;
  if (binding.to_queue) {
    const absl::StatusOr<ReferenceQueue*> queue = GetQueue(spec.destination, user);
    if (!queue.ok()) return queue.status();
    durable = (*queue)->durable();
  } else {
    const ReferenceExchange* destination = state_.FindExchange(spec.destination);
    if (destination == nullptr) return Fail(absl::StatusCode::kNotFound, "EXCHANGE_NOT_FOUND");
    durable = destination->options.durable;
  }
  binding.durable = durable && source->options.durable;
  return binding;
}

absl::Status Reference::Add(const core::BindingSpec& spec, core::ConsumerId user) {
  const absl::StatusOr<ReferenceBinding> binding = Resolve(spec, user);
  if (!binding.ok()) return binding.status();
  std::vector<ReferenceBinding>& all = state_.bindings;
  if (std::find(all.begin(), all.end(), *binding) != all.end()) return absl::OkStatus();
  all.push_back(*binding);
  ++state_.next_number;
  if (binding->durable) RestOn(open_lsn_);
  return absl::OkStatus();
}

void Reference::Handle(const core::Bind& c) { Reply(c.request, Add(c.binding, {})); }

void Reference::Handle(const core::Unbind& c) {
  const absl::StatusOr<ReferenceBinding> binding = Resolve(c.binding, {});
  if (!binding.ok() && !absl::IsNotFound(binding.status())) {
    return Reply(c.request, binding.status());
  }
  if (binding.ok()) RemoveBindings([&](const ReferenceBinding& b) { return b == *binding; });
  Reply(c.request, absl::OkStatus());
}

void Reference::RemoveBindings(const std::function<bool(const ReferenceBinding&)>& which) {
  std::vector<std::string> sources;
  std::erase_if(state_.bindings, [&](const ReferenceBinding& b) {
    if (!which(b)) return false;
    if (b.durable) RestOn(open_lsn_);
    sources.push_back(b.source);
    return true;
  });
  for (const std::string& source : sources) {
    const ReferenceExchange* exchange = state_.FindExchange(source);
    const bool used = std::any_of(state_.bindings.begin(), state_.bindings.end(),
                                  [&](const ReferenceBinding& b) { return b.source == source; });
    if (exchange->options.auto_delete && !used) idle_exchanges_.push_back(source);
  }
}

}  // namespace warren::sim
