// Consumers come and go; Get; the end.
#include <algorithm>
#include <utility>

#include "tests/sim/reference/reference.h"

namespace warren::sim {
bool Reference::HasConsumer(const ReferenceQueue& queue) const {
  return std::any_of(consumers_.begin(), consumers_.end(),
                     [&](const auto& c) { return c.second.queue == queue.number; });
}

bool Reference::IsExclusivelyConsumed(const ReferenceQueue& queue) const {
  return std::any_of(consumers_.begin(), consumers_.end(), [&](const auto& c) {
    return c.second.queue == queue.number && c.second.exclusive;
  });
}

absl::Status Reference::CheckSubscribe(const core::Subscribe& c, ReferenceQueue** queue) {
  if (FindConsumer(c.consumer_name) != nullptr) {
    return Fail(absl::StatusCode::kFailedPrecondition, "CONSUMER_EXISTS");
  }
  if (stopping_) return Fail(absl::StatusCode::kUnavailable, "SHUTTING_DOWN");
  const absl::StatusOr<ReferenceQueue*> found =
      c.declare ? Declare(c.queue, c.declare, c.consumer) : GetQueue(c.queue, c.consumer);
  if (!found.ok()) return found.status();
  *queue = *found;
  if (IsExclusivelyConsumed(**found) || (c.exclusive && HasConsumer(**found))) {
    return Fail(absl::StatusCode::kFailedPrecondition, "QUEUE_EXCLUSIVELY_CONSUMED");
  }
  for (core::BindingSpec binding : c.bindings) {
    binding.destination_kind = core::DestinationKind::kQueue;
    binding.destination = c.queue;
    if (const absl::Status status = Add(binding, c.consumer); !status.ok()) return status;
  }
  return absl::OkStatus();
}

void Reference::Handle(const core::Subscribe& c) {
  ReferenceQueue* queue = nullptr;
  if (const absl::Status status = CheckSubscribe(c, &queue); !status.ok()) {
    // An exclusive queue without its stream could never be used.
    if (queue != nullptr && queue->options.exclusive && !HasConsumer(*queue)) RemoveQueue(*queue);
    return Emit(core::ConsumerClosed{c.consumer, status});
  }
  consumers_[c.consumer] = {.id = c.consumer,
                            .name = c.consumer_name,
                            .queue = queue->number,
                            .prefetch = c.prefetch,
                            .auto_ack = c.auto_ack,
                            .exclusive = c.exclusive};
  consumed_.insert(queue->number);
  Wait(Answer::kSubscribed, c.consumer.value,
       [this, id = c.consumer, name = queue->name, number = queue->number,
        ready = queue->ready()] {
         Emit(core::Subscribed{
             .consumer = id, .consumer_name = "", .queue = name, .message_count = ready});
         Consumer& consumer = consumers_.at(id);
         consumer.open = true;
         UpdateTurn(consumer, /*served=*/false);
         Dispatch(state_.queues.at(number));
       });
}

void Reference::Handle(const core::SetPrefetch& c) {
  const auto it = consumers_.find(c.consumer);
  if (it == consumers_.end()) return;
  it->second.prefetch = c.prefetch;
  UpdateTurn(it->second, /*served=*/false);
  Dispatch(state_.queues.at(it->second.queue));
}

void Reference::Handle(const core::DrainConsumer& c) {
  const auto it = consumers_.find(c.consumer);
  if (it == consumers_.end()) return;
  it->second.draining = true;
  UpdateTurn(it->second, /*served=*/false);
  Emit(core::Drained{c.consumer});
}

void Reference::Handle(const core::CloseConsumer& c) {
  if (consumers_.contains(c.consumer)) RemoveConsumer(c.consumer);
}

void Reference::Forget(core::ConsumerId id) {
  std::erase(state_.queues.at(consumers_.at(id).queue).turns, id);
  consumers_.erase(id);
  std::erase_if(waiting_, [id](const Waiting& w) {
    return (w.answer == Answer::kSubscribed || w.answer == Answer::kSettled) && w.id == id.value;
  });
}

void Reference::RemoveConsumer(core::ConsumerId id) {
  Consumer& consumer = consumers_.at(id);
  ReferenceQueue& queue = state_.queues.at(consumer.queue);
  consumer.open = false;
  UpdateTurn(consumer, /*served=*/false);
  while (Copy* copy = queue.LastUnsettled(id)) {
    Release(*copy);
    Requeue(queue, *copy, 0);
  }
  Forget(id);
  queue.last_used_ms = now_ms_;
  const bool idle = queue.options.auto_delete && !HasConsumer(queue) && !stopping_;
  const bool orphaned = queue.options.exclusive && !HasConsumer(queue);
  if (idle || orphaned) return RemoveQueue(queue);
  Dispatch(queue);
  EnforceLength(queue);
}

// ---- Get ----

void Reference::Handle(const core::Get& c) {
  const absl::StatusOr<ReferenceQueue*> queue = GetQueue(c.queue);
  if (!queue.ok()) return Reply(c.request, queue.status());
  (*queue)->last_used_ms = now_ms_;
  consumed_.insert((*queue)->number);
  if (IsAnsweredNow(c.request)) return RunGet(c);
  // The journal has to know first that the queue is being served.
  Wait(Answer::kReplied, c.request.value, [this, c, number = (*queue)->number] {
    if (state_.queues.contains(number)) return Handle(c);
    Reply(c.request, Fail(absl::StatusCode::kNotFound, "QUEUE_NOT_FOUND"));
  });
}

void Reference::RunGet(const core::Get& c) {
  ReferenceQueue& queue = **GetQueue(c.queue);
  core::GetResult result;
  while (result.deliveries.size() < c.max_messages && !stopping_) {
    Copy* head = queue.Head();
    if (head == nullptr) break;
    if (head->expires_at_ms != 0 && head->expires_at_ms <= now_ms_) {
      Kill(queue, *head, storage::DeathReason::kExpired);
      continue;
    }
    result.deliveries.push_back(HandOut(queue, *head, {}, ++last_lease_));
    head->lease_until_ms = now_ms_ + c.lease_ms;
    if (c.auto_ack) Leave(queue, *head);
  }
  result.message_count = queue.ready();
  Emit(core::Replied{
      .request = c.request, .status = absl::OkStatus(), .result = std::move(result)});
  Dispatch(queue);
}

void Reference::EndLease(uint64_t tag) {
  for (auto& [number, queue] : state_.queues) {
    Copy* copy = queue.Unsettled({}, tag);
    if (copy == nullptr) continue;
    Release(*copy);
    Requeue(queue, *copy, 0);
    Dispatch(queue);
    EnforceLength(queue);
    return;
  }
}

// ---- The end ----

void Reference::Handle(const core::BeginShutdown&) {
  stopping_ = true;
  for (auto& [id, consumer] : consumers_) {
    if (std::exchange(consumer.draining, true)) continue;
    UpdateTurn(consumer, /*served=*/false);
    Emit(core::Drained{id});
  }
}

void Reference::Handle(const core::FinishShutdown&) {
  stopping_ = true;
  while (!consumers_.empty()) {
    const core::ConsumerId id = consumers_.begin()->first;
    Emit(core::Cancelled{
        .consumer = id, .reason = core::CancelReason::kShuttingDown, .message = ""});
    RemoveConsumer(id);
  }
  std::set<uint64_t> leases;
  for (const auto& [number, queue] : state_.queues) {
    for (const Copy& copy : queue.copies) {
      if (copy.place == core::EntryPlace::kUnsettled) leases.insert(copy.tag);
    }
  }
  for (const uint64_t tag : leases) EndLease(tag);
}

}  // namespace warren::sim
