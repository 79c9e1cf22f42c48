// What happens to entries in their queue: they join it, are delivered, expire, or fall off its head.
#include <algorithm>
#include <utility>

#include "server/base/check.h"
#include "server/core/broker_impl.h"

namespace warren::core {

void Broker::Impl::JoinQueue(Queue& queue, Entry& entry) {
  if (entry.due_at_ms > now_ms_) {
    AddDelayed(queue, entry, entry.due_at_ms);
  } else {
    AddReady(queue, entry, now_ms_);
    Dispatch(queue);
    EnforceLength(queue);
  }
  // A time to live of 0 ends here unless a consumer was ready.
  if (!queue.deadlines().empty()) {
    if (queue.deadlines().front_ms() <= now_ms_) ExpireDue(queue);
    SetQueueTimer(queue);
  }
}

void Broker::Impl::AddReady(Queue& queue, Entry& entry, int64_t since_ms) {
  entry.joined_at_ms = since_ms;
  ++usage_.ready_messages;
  usage_.ready_bytes += entry.body_bytes();
  queue.AddReady(entry);
}

void Broker::Impl::AddDelayed(Queue& queue, Entry& entry, int64_t due_at_ms) {
  ++usage_.delayed_messages;
  usage_.delayed_bytes += entry.body_bytes();
  queue.AddDelayed(entry, due_at_ms);
}

void Broker::Impl::Take(Queue& queue, Entry& entry) {
  const bool delayed = entry.state == EntryState::kDelayed;
  --(delayed ? usage_.delayed_messages : usage_.ready_messages);
  (delayed ? usage_.delayed_bytes : usage_.ready_bytes) -= entry.body_bytes();
  queue.Take(entry);
}

void Broker::Impl::Dispatch(Queue& queue) {
  if (stopping_ || queue.serving != Serving::kYes) return;
  while (!queue.available.empty()) {
    Entry* entry = queue.ready().head();
    if (entry == nullptr) return;
    if (entry->expires_at_ms != 0 && entry->expires_at_ms < now_ms_) {
      // The queue's timer is due, and goes on from here.
      if (timed_budget_ == 0 || HasManyDying(queue)) return;
      --timed_budget_;
      Take(queue, *entry);
      Kill(queue, *entry, storage::DeathReason::kExpired);
      continue;
    }
    Consumer* consumer = queue.available.NextWithRoomFor(entry->body_bytes());
    if (consumer == nullptr) return;
    if (!IsAtHand(queue, *entry)) return;
    Deliver(queue, *entry, *consumer);
  }
}

void Broker::Impl::Deliver(Queue& queue, Entry& entry, Consumer& consumer) {
  Take(queue, entry);
  Delivery delivery = HandOut(queue, entry, ++consumer.last_tag);
  if (consumer.auto_ack) ++usage_.pushed_auto_total;
  consumer.unsettled.PushBack(&entry);
  consumer.by_tag.emplace(entry.tag, &entry);
  consumer.unsettled_bytes += entry.body_bytes();
  queue.available.Update(consumer, /*served=*/true);
  Emit(Delivered{consumer.id, std::move(delivery)});
}

Delivery Broker::Impl::HandOut(Queue& queue, Entry& entry, uint64_t tag) {
  Fetch(queue, *entry.message);  // it stays in memory, if it was about to leave
  Delivery delivery{.tag = {tag},
                    .message = entry.message->message,
                    .redelivered = entry.redelivered || entry.delivery_count > 0,
                    .delivery_count = entry.delivery_count};
  usage_.wait_ms.Observe(MillisSince(entry.joined_at_ms));
  entry.tag = tag;
  entry.delivered_at_ms = static_cast<uint32_t>(now_ms_);
  ++entry.delivery_count;
  queue.AddUnsettled(entry);
  ++usage_.unsettled_messages;
  usage_.unsettled_bytes += entry.body_bytes();
  ++usage_.delivered_total;
  ++queue.tally.delivered;
  if (delivery.redelivered) {
    ++usage_.redelivered_total;
    ++queue.tally.redelivered;
  }
  queue.delivered_up_to = std::max(queue.delivered_up_to, entry.message->id.value);
  return delivery;
}

void Broker::Impl::ExpireDue(Queue& queue) {
  while (timed_budget_ > 0 && !queue.deadlines().empty() &&
         queue.deadlines().front_ms() <= now_ms_ && !HasManyDying(queue)) {
    --timed_budget_;
    Entry* entry = queue.deadlines().front();
    const bool is_due = entry->state == EntryState::kDelayed && entry->due_at_ms <= now_ms_;
    Take(queue, *entry);
    if (!is_due) {
      Kill(queue, *entry, storage::DeathReason::kExpired);
      continue;
    }
    // It joins the tail; a consumer that is ready gets it even if its time to live is 0.
    entry->position = NextId();
    usage_.lateness_ms.Observe(MillisSince(entry->due_at_ms));
    AddReady(queue, *entry, now_ms_);
    Dispatch(queue);
    EnforceLength(queue);
  }
  Dispatch(queue);
}

void Broker::Impl::EnforceLength(Queue& queue) {
  if (queue.options().overflow != storage::OverflowPolicy::kDropHead || !queue.IsOver(0, 0)) return;
  if (queue.shrinking) return;  // a change of a policy sees to it, a little at each step
  while (queue.IsOver(0, 0)) {
    Entry* entry = queue.ready().oldest_of_lowest();
    Take(queue, *entry);
    Kill(queue, *entry, storage::DeathReason::kMaxlen);
  }
  Dispatch(queue);  // a smaller message may be at the head now, one that a consumer has room for
}

// ---- Serving ----

bool Broker::Impl::EnsureServing(Queue& queue) {
  if (queue.serving == Serving::kNo) {
    queue.serving = Serving::kAsked;
    ledger_.Append(storage::QueueServing{queue.id, true, {queue.delivered_up_to}});
    ledger_.Wait(StartServing{queue.id, ++queue.serving_asks});
  }
  return queue.serving == Serving::kYes;
}

void Broker::Impl::StopServing(Queue& queue) {
  if (!queue.durable() || queue.serving == Serving::kNo) return;
  if (!queue.consumers.empty() || queue.unsettled_count() > 0) return;
  // Someone who leaves must not make a Get ask the journal, or for a message's content, once more.
  if ((queue.gets_held_up > 0 || !queue.waiting_gets.empty()) && !stopping_) return;
  queue.serving = Serving::kNo;
  ledger_.Append(storage::QueueServing{queue.id, false, {queue.delivered_up_to}});
}

// ---- The end of an entry ----

void Broker::Impl::Discard(Queue& queue, Entry& entry, Ledger::Left left) {
  if (entry.durable) ledger_.RemoveEntry(*entry.message, queue.id, left);
  Free(entry);
}

void Broker::Impl::Free(Entry& entry) {
  QueuedMessage* message = entry.message;
  entries_.Delete(&entry);
  usage_.memory_bytes -= sizeof(Entry);
  if (--message->entries > 0) return;
  ForgetPage(*message);
  usage_.memory_bytes -= sizeof(QueuedMessage) + (message->in_memory() ? message->memory_bytes : 0);
  messages_.Delete(message);
}

storage::EntryFacts Broker::Impl::FactsOf(const Queue& queue, const Entry& entry) const {
  // Only a delayed entry has a due time; before it joins its queue at all it is held.
  const bool may_be_delayed =
      entry.state == EntryState::kDelayed || entry.state == EntryState::kHeld;
  return {.queue = queue.id,
          .expires_at_ms = entry.expires_at_ms,
          .due_at_ms = may_be_delayed ? entry.due_at_ms : 0,
          .delivery_count = entry.delivery_count};
}

}  // namespace warren::core
