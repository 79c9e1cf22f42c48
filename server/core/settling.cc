// Deliveries are settled: acknowledged, requeued, rejected, or sent round again later. Step 9 of a
// message's life.
#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/base/error.h"
#include "server/core/broker_impl.h"

namespace warren::core {

void Broker::Impl::Handle(Settle& c) {
  if (c.shared) return SettleShared(c);
  const auto it = consumers_.find(c.consumer);
  if (it == consumers_.end()) return;  // its stream has just been closed
  std::vector<SettleFailure> failures =
      SettleAll(*it->second->virtual_host, it->second.get(), c.settlements);
  if (c.settle_id == 0 && failures.empty()) return;
  ledger_.Wait(Effect(SettleAnswered{
      .consumer = c.consumer, .settle_id = c.settle_id, .failures = std::move(failures)}));
}

void Broker::Impl::SettleShared(Settle& c) {
  std::vector<SettleFailure> failures;
  std::vector<Queue*> touched;
  for (const Settlement& settlement : c.settlements) {
    const size_t failed = failures.size();
    if (const auto it = consumers_.find(settlement.consumer); it != consumers_.end()) {
      Consumer& consumer = *it->second;
      CarryOut(*consumer.virtual_host, &consumer, settlement, touched, failures);
    } else {
      FailAll(settlement, failures);
    }
    for (size_t i = failed; i < failures.size(); ++i) {
      failures[i].subscription = settlement.subscription;
    }
  }
  for (Queue* queue : touched) AfterSettling(*queue);
  if (c.settle_id == 0 && failures.empty()) return;
  ledger_.Wait(Effect(SettleAnswered{.consumer = c.consumer,
                                     .settle_id = c.settle_id,
                                     .failures = std::move(failures),
                                     .shared = true}));
}

void Broker::Impl::FailAll(const Settlement& settlement, std::vector<SettleFailure>& failures) {
  const std::string number = absl::StrCat(settlement.subscription);
  const Subject subject{"subscription", number, ""};
  const auto fail = [&](DeliveryTag tag) {
    const absl::Status error =
        Error(absl::StatusCode::kFailedPrecondition, "DELIVERY_TAG_UNKNOWN", subject,
              absl::StrCat("delivery tag ", tag.value, " is of subscription ", number,
                           ", which has ended; what it had unsettled has been requeued"));
    failures.push_back({tag, WithMetadata(error, "delivery_tag", absl::StrCat(tag.value))});
  };
  if (settlement.up_to) fail(settlement.up_to);
  for (const DeliveryTag tag : settlement.tags) fail(tag);
}

void Broker::Impl::Handle(HandedOver& c) {
  const auto it = consumers_.find(c.consumer);
  if (it == consumers_.end() || !it->second->auto_ack) return;
  SettleAll(*it->second->virtual_host, it->second.get(),
            {{.up_to = c.up_to, .outcome = SettleOutcome::kAck}});
}

void Broker::Impl::Handle(Ack& c) {
  const absl::StatusOr<VirtualHost*> host = GetVirtualHost(c.virtual_host);
  if (!host.ok()) return Reply(c.request, host.status());
  Holder holder = c.owner;
  if (!c.consumer_name.empty()) {
    Consumer* consumer = FindConsumer(**host, c.consumer_name, c.owner);
    if (consumer == nullptr) {
      const Subject subject{"consumer", c.consumer_name, c.virtual_host};
      return Reply(c.request, Error(absl::StatusCode::kNotFound, "CONSUMER_NOT_FOUND", subject,
                                    absl::StrCat(Describe(subject), " is not there (any more); its "
                                                 "unsettled deliveries have been requeued")));
    }
    holder = consumer;
  }
  std::vector<SettleFailure> failures = SettleAll(**host, holder, c.settlements);
  Reply(c.request, absl::OkStatus(), SettleFailures{std::move(failures)});
}

Consumer* Broker::Impl::FindConsumer(VirtualHost& host, const std::string& name, OwnerId asker) {
  const auto it = host.consumers.find(name);
  return it == host.consumers.end() || it->second->owner != asker ? nullptr : it->second;
}

std::vector<SettleFailure> Broker::Impl::SettleAll(VirtualHost& host, Holder holder,
                                                   const std::vector<Settlement>& settlements) {
  std::vector<SettleFailure> failures;
  std::vector<Queue*> touched;
  for (const Settlement& settlement : settlements) {
    CarryOut(host, holder, settlement, touched, failures);
  }
  for (Queue* queue : touched) AfterSettling(*queue);
  return failures;
}

void Broker::Impl::CarryOut(VirtualHost& host, Holder holder, const Settlement& settlement,
                            std::vector<Queue*>& touched, std::vector<SettleFailure>& failures) {
  const auto settle = [&](const Held& held) {
    if (touched.empty() || touched.back() != held.queue) touched.push_back(held.queue);
    SettleOne(held, settlement, Ledger::Left::kForGood);
  };
  // Many queues with a message each settle one by one, and need no list for it.
  if (!settlement.up_to && settlement.tags.size() == 1) {
    if (const std::optional<Held> held = FindHeld(host, holder, settlement.tags.front())) {
      return settle(*held);
    }
  }
  for (const Held& held : Resolve(host, holder, settlement, failures)) settle(held);
}

void Broker::Impl::AfterSettling(Queue& queue) {
  Dispatch(queue);
  EnforceLength(queue);
  SetQueueTimer(queue);  // what returned may expire
}

std::vector<Broker::Impl::Held> Broker::Impl::Resolve(VirtualHost& host, Holder holder,
                                                      const Settlement& settlement,
                                                      std::vector<SettleFailure>& failures) {
  Consumer* const* named = std::get_if<Consumer*>(&holder);
  Consumer* consumer = named == nullptr ? nullptr : *named;
  std::vector<Held> found;
  found.reserve(settlement.tags.size());
  if (settlement.up_to) {
    if (consumer == nullptr || settlement.up_to.value > consumer->last_tag) {
      failures.push_back({settlement.up_to, UnknownTag(host, consumer, settlement.up_to)});
    } else {
      for (Entry* entry = consumer->unsettled.front();
           entry != nullptr && entry->tag <= settlement.up_to.value; entry = entry->next) {
        // Another settlement of the same transaction may name it already.
        if (std::exchange(entry->claimed, true)) continue;
        found.push_back({.queue = consumer->queue, .entry = entry, .consumer = consumer});
      }
    }
  }
  for (const DeliveryTag tag : settlement.tags) {
    const std::optional<Held> held = FindHeld(host, holder, tag);
    if (held && !std::exchange(held->entry->claimed, true)) {
      found.push_back(*held);
    } else {
      failures.push_back({tag, UnknownTag(host, consumer, tag)});
    }
  }
  return found;
}

std::optional<Broker::Impl::Held> Broker::Impl::FindHeld(VirtualHost& host, Holder holder,
                                                         DeliveryTag tag) {
  if (Consumer* const* named = std::get_if<Consumer*>(&holder)) {
    Consumer* consumer = *named;
    const auto it = consumer->by_tag.find(tag.value);
    if (it == consumer->by_tag.end()) return std::nullopt;
    return Held{.queue = consumer->queue, .entry = it->second, .consumer = consumer};
  }
  const auto it = leases_.find(tag.value);
  if (it == leases_.end() || &it->second.queue->virtual_host != &host ||
      it->second.owner != std::get<OwnerId>(holder)) {
    return std::nullopt;
  }
  return Held{.queue = it->second.queue, .entry = it->second.entry, .consumer = nullptr};
}

absl::Status Broker::Impl::UnknownTag(const VirtualHost& host, const Consumer* consumer,
                                      DeliveryTag tag) const {
  const Subject subject{consumer != nullptr ? "consumer" : "lease",
                        consumer != nullptr ? std::string_view(consumer->name) : "", host.name};
  return WithMetadata(
      Error(absl::StatusCode::kFailedPrecondition, "DELIVERY_TAG_UNKNOWN", subject,
            absl::StrCat("delivery tag ", tag.value, " of ", Describe(subject),
                         " is not unsettled: it was settled before, its lease ran out, or it was "
                         "never delivered; settle each delivery once")),
      "delivery_tag", absl::StrCat(tag.value));
}

void Broker::Impl::Release(const Held& held) {
  Entry& entry = *held.entry;
  entry.claimed = false;
  if (Consumer* consumer = held.consumer) {
    consumer->unsettled.Remove(&entry);
    consumer->by_tag.erase(entry.tag);
    consumer->unsettled_bytes -= entry.body_bytes();
    held.queue->available.Update(*consumer, /*served=*/false);
  } else {
    const auto lease = leases_.find(entry.tag);
    WARREN_CHECK(lease != leases_.end());
    timers_.Stop(lease->second.timer, TimerKind::kLease, entry.tag);
    leases_.erase(lease);
    held.queue->leased.Remove(&entry);
  }
  usage_.settle_ms.Observe(static_cast<uint32_t>(now_ms_) - entry.delivered_at_ms);
  entry.deadline_index = Entry::kNoDeadline;
  entry.due_at_ms = 0;
  held.queue->TakeUnsettled(entry);
  --usage_.unsettled_messages;
  usage_.unsettled_bytes -= entry.body_bytes();
}

void Broker::Impl::SettleOne(const Held& held, const Settlement& settlement, Ledger::Left left) {
  Queue& queue = *held.queue;
  Entry& entry = *held.entry;
  Release(held);
  switch (settlement.outcome) {
    case SettleOutcome::kAck:
      ++usage_.acked_total;
      ++queue.tally.acked;
      Discard(queue, entry, left);
      return;
    case SettleOutcome::kRequeue:
      CountRequeue(queue);
      return Requeue(queue, entry, std::nullopt, left);
    case SettleOutcome::kReject:
      ++usage_.settled_reject_total;
      ++queue.tally.rejected;
      return Kill(queue, entry, storage::DeathReason::kRejected, left);
    case SettleOutcome::kRetry:
      ++usage_.settled_retry_total;
      ++queue.tally.retried;
      return Requeue(queue, entry, settlement.retry_delay_ms, left);
  }
}

void Broker::Impl::CountRequeue(Queue& queue) {
  ++usage_.settled_requeue_total;
  ++queue.tally.requeued;
}

void Broker::Impl::Requeue(Queue& queue, Entry& entry, std::optional<int64_t> delay_ms,
                           Ledger::Left left) {
  const std::optional<storage::RetryPolicy>& retry = queue.declared.retry;
  // With a retry policy a limit can only come from a policy of the virtual host; the smaller counts.
  uint32_t limit = queue.options().delivery_limit;
  if (retry && retry->max_attempts != 0) {
    limit = limit == 0 ? retry->max_attempts : std::min(limit, retry->max_attempts);
  }
  if (limit != 0 && entry.delivery_count >= limit) {
    return Kill(queue, entry, storage::DeathReason::kDeliveryLimit, left);
  }
  if (entry.expires_at_ms != 0 && entry.expires_at_ms <= now_ms_) {
    return Kill(queue, entry, storage::DeathReason::kExpired, left);
  }
  ++usage_.requeued_total;
  if (!delay_ms) delay_ms = retry ? Backoff(*retry, entry.delivery_count) : 0;
  if (*delay_ms > 0) {
    AddDelayed(queue, entry, now_ms_ + *delay_ms);
    SetQueueTimer(queue);
  } else {
    AddReady(queue, entry, now_ms_);
  }
  if (entry.durable) ledger_.UpdateEntry(*entry.message, FactsOf(queue, entry));
}

int64_t Broker::Impl::Backoff(const storage::RetryPolicy& policy, uint32_t attempts) {
  const double grown = static_cast<double>(policy.initial_backoff_ms) *
                       std::pow(policy.multiplier, static_cast<double>(attempts) - 1);
  double backoff_ms = std::min(grown, static_cast<double>(policy.max_backoff_ms));
  if (policy.jitter > 0) {
    // From −jitter to +jitter.
    const double random = static_cast<double>(random_() >> 11) * 0x1.0p-53;
    backoff_ms *= 1 + policy.jitter * (2 * random - 1);
  }
  return static_cast<int64_t>(std::llround(backoff_ms));
}

}  // namespace warren::core
