// Consumers come and go; Get.
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/base/error.h"
#include "server/core/broker_impl.h"

namespace warren::core {
namespace {

// Bodies in the answer to one Get; one larger message may pass alone.
constexpr uint64_t kGetBytesMax = uint64_t{32} << 20;

}  // namespace

// ---- Subscribing ----

void Broker::Impl::Handle(Subscribe& c) {
  const absl::StatusOr<Consumer*> added = AddConsumer(c);
  if (!added.ok()) return Emit(ConsumerClosed{c.consumer, added.status()});
  Consumer& consumer = **added;
  Queue& queue = *consumer.queue;
  // It rests on the queue, which may still be on its way to the journal.
  ledger_.Wait(Effect(Subscribed{.consumer = consumer.id,
                                 .consumer_name = consumer.name,
                                 .queue = queue.name,
                                 .message_count = queue.ready_count()}));
  EnsureServing(queue);
  // Deliveries come after Subscribed, so this waits in the same line.
  ledger_.Wait(OpenConsumer{consumer.id});
}

absl::StatusOr<Consumer*> Broker::Impl::AddConsumer(Subscribe& c) {
  const absl::StatusOr<VirtualHost*> host = GetVirtualHost(c.virtual_host);
  if (!host.ok()) return host.status();
  if (!c.consumer_name.empty() && (*host)->consumers.contains(c.consumer_name)) {
    const Subject subject{"consumer", c.consumer_name, c.virtual_host};
    return Error(absl::StatusCode::kFailedPrecondition, "CONSUMER_EXISTS", subject,
                 absl::StrCat(Describe(subject), " exists; choose another name, or none"));
  }
  if (stopping_) {
    const Subject subject{"queue", c.queue, c.virtual_host};
    return Error(absl::StatusCode::kUnavailable, "SHUTTING_DOWN", subject,
                 "the broker is shutting down; connect again later");
  }
  const ConsumerId stream = c.stream ? c.stream : c.consumer;
  if (!(*host)->consume_streams.contains(stream)) {
    if (absl::Status status = CheckStreamLimit(**host); !status.ok()) return status;
  }
  const absl::StatusOr<Queue*> queue = c.declare ? Declare(**host, c.queue, c.declare, stream)
                                                 : GetQueue(c.virtual_host, c.queue, stream);
  if (!queue.ok()) return queue.status();
  absl::Status status = CheckConsumable(**queue, c);
  for (size_t i = 0; i < c.bindings.size() && status.ok(); ++i) {
    c.bindings[i].destination_kind = DestinationKind::kQueue;
    c.bindings[i].destination = (*queue)->name;
    status = Add(**host, c.bindings[i], stream);
  }
  if (!status.ok()) {
    // An exclusive queue without its stream could never be used, nor deleted.
    if ((*queue)->declared.exclusive && (*queue)->consumers.empty()) RemoveQueue(**queue, "unused");
    return status;
  }

  auto owned = std::make_unique<Consumer>();
  Consumer& consumer = *owned;
  consumer.id = c.consumer;
  consumer.stream = stream;
  consumer.name = c.consumer_name.empty() ? MakeName("amq.ctag-") : c.consumer_name;
  consumer.virtual_host = *host;
  consumer.queue = *queue;
  consumer.prefetch = c.prefetch;
  consumer.auto_ack = c.auto_ack;
  consumer.exclusive = c.exclusive;
  consumer.owner = c.owner;
  WARREN_CHECK(consumers_.emplace(consumer.id, std::move(owned)).second);
  (*host)->consumers.emplace(consumer.name, &consumer);
  ++(*host)->consume_streams[stream];
  (*queue)->consumers.emplace(consumer.id, &consumer);
  (*queue)->had_consumer = true;
  return &consumer;
}

absl::Status Broker::Impl::CheckConsumable(const Queue& queue, const Subscribe& c) const {
  const bool taken =
      !queue.consumers.empty() && (c.exclusive || queue.consumers.begin()->second->exclusive);
  if (!taken) return absl::OkStatus();
  const Subject subject{"queue", queue.name, queue.virtual_host.name};
  return Error(absl::StatusCode::kFailedPrecondition, "QUEUE_EXCLUSIVELY_CONSUMED", subject,
               absl::StrCat(Describe(subject),
                            c.exclusive ? " has a consumer, so it can't be consumed exclusively; "
                                          "stop that one, or subscribe without exclusive"
                                        : " has an exclusive consumer; stop that one first"));
}

void Broker::Impl::Handle(SetPrefetch& c) {
  const auto it = consumers_.find(c.consumer);
  if (it == consumers_.end()) return;
  Consumer& consumer = *it->second;
  consumer.prefetch = c.prefetch;
  consumer.queue->available.Update(consumer, /*served=*/false);
  Dispatch(*consumer.queue);
}

void Broker::Impl::Handle(DrainConsumer& c) {
  const auto it = consumers_.find(c.consumer);
  if (it == consumers_.end()) return;
  it->second->draining = true;
  it->second->queue->available.Remove(*it->second);
  Emit(Drained{c.consumer});
}

void Broker::Impl::Handle(CloseConsumer& c) {
  const auto it = consumers_.find(c.consumer);
  if (it != consumers_.end()) RemoveConsumer(*it->second);
}

void Broker::Impl::RemoveConsumer(Consumer& consumer) {
  Queue& queue = *consumer.queue;
  consumer.open = false;
  queue.available.Remove(consumer);
  // From the last to the first, so that each returns in front of the one before.
  while (Entry* entry = consumer.unsettled.back()) {
    Release({.queue = &queue, .entry = entry, .consumer = &consumer});
    CountRequeue(queue);
    Requeue(queue, *entry, /*delay_ms=*/0);
  }
  ForgetConsumer(consumer);
  queue.last_used_ms = now_ms_;

  const bool orphaned = queue.declared.exclusive && queue.consumers.empty();
  const bool idle = queue.declared.auto_delete && queue.consumers.empty() && !stopping_;
  if (orphaned || idle) {
    RemoveQueue(queue, "deleted with its last consumer");
    return;
  }
  SendAheadAway(queue);
  StopServing(queue);
  AfterSettling(queue);
}

void Broker::Impl::ForgetConsumer(Consumer& consumer) {
  consumer.queue->available.Remove(consumer);
  consumer.queue->consumers.erase(consumer.id);
  VirtualHost& host = *consumer.virtual_host;
  host.consumers.erase(consumer.name);
  const auto stream = host.consume_streams.find(consumer.stream);
  if (--stream->second == 0) host.consume_streams.erase(stream);
  consumers_.erase(consumer.id);
}

// ---- Get ----

void Broker::Impl::Handle(Get& c) {
  const absl::StatusOr<Queue*> found = GetQueue(c.virtual_host, c.queue);
  if (!found.ok()) return Reply(c.request, found.status());
  Queue& queue = **found;
  queue.last_used_ms = now_ms_;
  if (EnsureServing(queue)) {
    RunGet(queue, std::move(c));
  } else {
    ++queue.gets_held_up;
    ledger_.Wait(ResumeGet{queue.id, std::move(c)});
  }
}

void Broker::Impl::RunGet(Queue& queue, Get c) {
  GetResult result;
  uint64_t bytes = 0;
  while (result.deliveries.size() < c.max_messages && !stopping_) {
    Entry* entry = queue.ready().head();
    if (entry == nullptr || timed_budget_ == 0) break;
    if (bytes > 0 && bytes + entry->body_bytes() > kGetBytesMax) break;
    const bool expired = entry->expires_at_ms != 0 && entry->expires_at_ms <= now_ms_;
    if (!expired && !IsAtHand(queue, *entry)) {
      if (!result.deliveries.empty()) break;
      queue.waiting_gets.push_back(std::move(c));
      return;
    }
    Take(queue, *entry);
    if (expired) {
      --timed_budget_;
      Kill(queue, *entry, storage::DeathReason::kExpired);
      continue;
    }
    bytes += entry->body_bytes();
    result.deliveries.push_back(HandOut(queue, *entry, ++last_lease_));
    ++usage_.pulled_total;
    if (c.auto_ack) ++usage_.pulled_auto_total;
    queue.leased.PushBack(entry);
    Lease& lease = leases_[last_lease_];
    lease = {.queue = &queue, .entry = entry, .until_ms = now_ms_ + c.lease_ms,
             .owner = c.owner};
    if (c.auto_ack) {
      const Held held{.queue = &queue, .entry = entry, .consumer = nullptr};
      SettleOne(held, {.outcome = SettleOutcome::kAck}, Ledger::Left::kForGood);
    } else {
      timers_.GoOffBy(lease.timer, TimerKind::kLease, last_lease_, lease.until_ms);
    }
  }
  result.message_count = queue.ready_count();
  Emit(Replied{.request = c.request, .status = absl::OkStatus(), .result = std::move(result)});
  Dispatch(queue);  // a smaller message may be at the head now, one that a consumer has room for
}

void Broker::Impl::EndLease(uint64_t tag) {
  const Lease lease = leases_.at(tag);
  Release({.queue = lease.queue, .entry = lease.entry, .consumer = nullptr});
  CountRequeue(*lease.queue);
  Requeue(*lease.queue, *lease.entry, /*delay_ms=*/0);
  AfterSettling(*lease.queue);
}

}  // namespace warren::core
