// Deliveries are settled.
#include <algorithm>
#include <cmath>
#include <utility>

#include "tests/sim/reference/reference.h"

namespace warren::sim {
namespace {

absl::Status UnknownTag() {
  return Fail(absl::StatusCode::kFailedPrecondition, "DELIVERY_TAG_UNKNOWN");
}

}  // namespace

Reference::Consumer* Reference::FindConsumer(const std::string& name) {
  for (auto& [id, consumer] : consumers_) {
    if (consumer.name == name) return &consumer;
  }
  return nullptr;
}

void Reference::Handle(const core::Settle& c) {
  const auto it = consumers_.find(c.consumer);
  if (it == consumers_.end()) return;
  std::vector<core::SettleFailure> failures = SettleAll(&it->second, c.settlements);
  if (c.settle_id == 0 && failures.empty()) return;
  core::SettleAnswered answer{
      .consumer = c.consumer, .settle_id = c.settle_id, .failures = std::move(failures)};
  Wait(Answer::kSettled, c.consumer.value, [this, answer] { Emit(answer); }, c.settle_id);
}

void Reference::Handle(const core::HandedOver& c) {
  const auto it = consumers_.find(c.consumer);
  if (it == consumers_.end() || !it->second.auto_ack) return;
  SettleAll(&it->second, {{.up_to = c.up_to, .outcome = core::SettleOutcome::kAck}});
}

void Reference::Handle(const core::Ack& c) {
  Consumer* consumer = c.consumer_name.empty() ? nullptr : FindConsumer(c.consumer_name);
  if (consumer == nullptr && !c.consumer_name.empty()) {
    return Reply(c.request,
                 Fail(absl::StatusCode::kNotFound, "CONSUMER_NOT_FOUND"));
  }
  std::vector<core::SettleFailure> failures = SettleAll(consumer, c.settlements);
  Reply(c.request, absl::OkStatus(), core::SettleFailures{std::move(failures)});
}

std::vector<core::SettleFailure> Reference::SettleAll(
    Consumer* consumer, const std::vector<core::Settlement>& settlements) {
  std::vector<core::SettleFailure> failures;
  std::vector<uint64_t> touched;
  for (const core::Settlement& settlement : settlements) {
    std::set<uint64_t> claimed;
    for (const Held& held : ResolveTags(consumer, settlement, claimed, failures)) {
      if (touched.empty() || touched.back() != held.queue) touched.push_back(held.queue);
      SettleOne(held, settlement, /*in_transaction=*/false);
    }
  }
  AfterSettling(touched);
  return failures;
}

void Reference::AfterSettling(const std::vector<uint64_t>& touched) {
  for (const uint64_t number : touched) {
    ReferenceQueue& queue = state_.queues.at(number);
    Dispatch(queue);
    EnforceLength(queue);
  }
}

std::vector<Reference::Held> Reference::ResolveTags(Consumer* consumer,
                                                    const core::Settlement& settlement,
                                                    std::set<uint64_t>& claimed,
                                                    std::vector<core::SettleFailure>& failures) {
  std::vector<Held> found;
  if (settlement.up_to) {
    if (consumer == nullptr || settlement.up_to.value > consumer->last_tag) {
      failures.push_back({settlement.up_to, UnknownTag()});
    } else {
      for (uint64_t tag = 1; tag <= settlement.up_to.value; ++tag) {
        const Copy* copy = state_.queues.at(consumer->queue).Unsettled(consumer->id, tag);
        if (copy == nullptr || !claimed.insert(copy->number).second) continue;
        found.push_back({consumer->queue, copy->number});
      }
    }
  }
  for (const core::DeliveryTag tag : settlement.tags) {
    bool settles = false;
    for (auto& [number, queue] : state_.queues) {
      if (consumer != nullptr && number != consumer->queue) continue;
      const core::ConsumerId holder = consumer != nullptr ? consumer->id : core::ConsumerId();
      const Copy* copy = queue.Unsettled(holder, tag.value);
      if (copy == nullptr || !claimed.insert(copy->number).second) continue;
      found.push_back({number, copy->number});
      settles = true;
    }
    if (!settles) failures.push_back({tag, UnknownTag()});
  }
  return found;
}

void Reference::Release(Copy& copy) {
  const core::ConsumerId id = std::exchange(copy.consumer, {});
  copy.tag = 0;
  copy.place = core::EntryPlace::kHeld;  // nowhere, for the moment
  if (id) UpdateTurn(consumers_.at(id), /*served=*/false);
}

void Reference::SettleOne(const Held& held, const core::Settlement& settlement,
                          bool in_transaction) {
  ReferenceQueue& queue = state_.queues.at(held.queue);
  Copy& copy = *Find(held);
  Release(copy);
  switch (settlement.outcome) {
    case core::SettleOutcome::kAck:
      return Leave(queue, copy, in_transaction);
    case core::SettleOutcome::kRequeue:
      return Requeue(queue, copy, std::nullopt, in_transaction);
    case core::SettleOutcome::kReject:
      return Kill(queue, copy, storage::DeathReason::kRejected, in_transaction);
    case core::SettleOutcome::kRetry:
      return Requeue(queue, copy, settlement.retry_delay_ms, in_transaction);
  }
}

void Reference::Requeue(ReferenceQueue& queue, Copy& copy, std::optional<int64_t> delay_ms,
                        bool in_transaction) {
  const std::optional<storage::RetryPolicy>& retry = queue.options.retry;
  uint32_t limit = queue.options.delivery_limit;
  if (retry && (limit == 0 || retry->max_attempts < limit)) limit = retry->max_attempts;
  if (limit != 0 && copy.deliveries >= limit) {
    return Kill(queue, copy, storage::DeathReason::kDeliveryLimit, in_transaction);
  }
  if (copy.expires_at_ms != 0 && copy.expires_at_ms <= now_ms_) {
    return Kill(queue, copy, storage::DeathReason::kExpired, in_transaction);
  }
  if (!delay_ms && retry) {
    double backoff_ms = static_cast<double>(retry->initial_backoff_ms);
    for (uint32_t attempt = 1; attempt < copy.deliveries; ++attempt) {
      backoff_ms *= retry->multiplier;
    }
    delay_ms = std::llround(std::min(backoff_ms, static_cast<double>(retry->max_backoff_ms)));
  }
  const bool delayed = delay_ms.value_or(0) > 0;
  copy.place = delayed ? core::EntryPlace::kDelayed : core::EntryPlace::kReady;
  copy.due_at_ms = delayed ? now_ms_ + *delay_ms : 0;
  copy.told_deliveries = copy.deliveries;
  copy.told_due_at_ms = copy.due_at_ms;
  copy.told_expires_at_ms = copy.expires_at_ms;
}

}  // namespace warren::sim
