// What happens to copies in their queue: they join it, are delivered, expire, fall off its head,
// die.
#include <algorithm>
#include <utility>

#include "tests/sim/reference/reference.h"

namespace warren::sim {

Copy* Reference::Find(const Held& held) {
  const auto queue = state_.queues.find(held.queue);
  if (queue == state_.queues.end()) return nullptr;
  for (Copy& copy : queue->second.copies) {
    if (copy.number == held.copy) return &copy;
  }
  return nullptr;
}

void Reference::Join(const Held& which) {
  ReferenceQueue& queue = state_.queues.at(which.queue);
  Copy& copy = *Find(which);
  if (copy.due_at_ms > now_ms_) {
    copy.place = core::EntryPlace::kDelayed;
  } else {
    copy.place = core::EntryPlace::kReady;
    copy.due_at_ms = 0;
    Dispatch(queue);
    EnforceLength(queue);
  }
  ExpireDue(queue);
}

bool Reference::WantsMore(const Consumer& consumer) {
  uint64_t messages = 0;
  uint64_t bytes = 0;
  for (const Copy& copy : state_.queues.at(consumer.queue).copies) {
    if (copy.place != core::EntryPlace::kUnsettled || copy.consumer != consumer.id) continue;
    ++messages;
    bytes += copy.bytes();
  }
  return consumer.open && !consumer.draining && messages < consumer.prefetch.messages &&
         (messages == 0 || bytes < consumer.prefetch.bytes);
}

// Who wants more stands in line; who had its turn goes to the end.
void Reference::UpdateTurn(const Consumer& consumer, bool served) {
  std::vector<core::ConsumerId>& turns = state_.queues.at(consumer.queue).turns;
  const auto it = std::find(turns.begin(), turns.end(), consumer.id);
  const bool was_in = it != turns.end();
  const bool wants = WantsMore(consumer);
  if (was_in && (!wants || served)) turns.erase(it);
  if (wants && (!was_in || served)) turns.push_back(consumer.id);
}

void Reference::Dispatch(ReferenceQueue& queue) {
  if (stopping_) return;
  for (;;) {
    Copy* head = queue.Head();
    if (head == nullptr || queue.turns.empty()) return;
    if (head->expires_at_ms != 0 && head->expires_at_ms < now_ms_) {
      Kill(queue, *head, storage::DeathReason::kExpired);
      continue;
    }
    Consumer* next = nullptr;
    for (const core::ConsumerId id : queue.turns) {
      Consumer& consumer = consumers_.at(id);
      uint64_t messages = 0;
      uint64_t bytes = 0;
      for (const Copy& copy : queue.copies) {
        if (copy.place != core::EntryPlace::kUnsettled || copy.consumer != id) continue;
        ++messages;
        bytes += copy.bytes();
      }
      if (messages > 0 && bytes + head->bytes() > consumer.prefetch.bytes) continue;
      next = &consumer;
      break;
    }
    if (next == nullptr) return;
    Deliver(queue, *head, *next);
  }
}

void Reference::Deliver(ReferenceQueue& queue, Copy& copy, Consumer& consumer) {
  core::Delivery delivery = HandOut(queue, copy, consumer.id, ++consumer.last_tag);
  UpdateTurn(consumer, /*served=*/true);
  Emit(core::Delivered{consumer.id, std::move(delivery)});
}

core::Delivery Reference::HandOut(ReferenceQueue& queue, Copy& copy, core::ConsumerId to,
                                  uint64_t tag) {
  core::Delivery delivery{.tag = {tag},
                          .message = copy.message,
                          .redelivered = copy.redelivered || copy.deliveries > 0,
                          .delivery_count = copy.deliveries};
  copy.place = core::EntryPlace::kUnsettled;
  copy.consumer = to;
  copy.tag = tag;
  ++copy.deliveries;
  handed_out_.insert(copy.number);
  consumed_.insert(queue.number);
  return delivery;
}

void Reference::ExpireDue(ReferenceQueue& queue) {
  for (;;) {
    Copy* copy = queue.EarliestDeadline();
    if (copy == nullptr || sim::DeadlineOf(*copy) > now_ms_) break;
    if (copy->place != core::EntryPlace::kDelayed || copy->due_at_ms > now_ms_) {
      Kill(queue, *copy, storage::DeathReason::kExpired);
      continue;
    }
    // It is due, and joins the tail.
    copy->position = state_.next_number++;
    copy->place = core::EntryPlace::kReady;
    copy->due_at_ms = 0;
    Dispatch(queue);
    EnforceLength(queue);
  }
  Dispatch(queue);
}

void Reference::EnforceLength(ReferenceQueue& queue) {
  if (queue.options.overflow != storage::OverflowPolicy::kDropHead) return;
  bool dropped = false;
  for (; queue.IsOver(0, 0); dropped = true) {
    Kill(queue, *queue.OldestOfLowest(), storage::DeathReason::kMaxlen);
  }
  if (dropped) Dispatch(queue);
}

// ---- The end of a copy ----

void Reference::Leave(ReferenceQueue& queue, Copy& copy, bool in_transaction) {
  copy.life->gone_lsn = open_lsn_;
  if (copy.life->durable && copy.life->born_lsn < open_lsn_) RestOn(open_lsn_);
  if (in_transaction) gone_in_transactions_.push_back({copy.origin, copy.life, transaction_});
  queue.Erase(copy);
}

void Reference::Kill(ReferenceQueue& queue, Copy& copy, storage::DeathReason reason,
                     bool in_transaction) {
  SendDeadLetter(queue, *copy.message, reason, copy.origin, copy.life);
  Leave(queue, copy, in_transaction);
}

void Reference::SendDeadLetter(const ReferenceQueue& queue, const storage::Message& message,
                               storage::DeathReason reason, Origin origin,
                               std::shared_ptr<const Life> life) {
  if (!queue.options.dead_letter_exchange) return;
  storage::DeathHistory history;
  if (message.deaths) {
    history = *message.deaths;
  } else {
    history.first_death_queue = queue.name;
    history.first_death_exchange = message.exchange.str();
    history.first_death_reason = reason;
  }
  storage::Death death{.queue = queue.name,
                       .reason = reason,
                       .count = 0,
                       .first_at_ms = now_ms_,
                       .exchange = message.exchange.str(),
                       .routing_keys = {message.routing_key.str()},
                       .original_expiration_ms = message.expiration_ms};
  for (auto it = history.deaths.begin(); it != history.deaths.end(); ++it) {
    if (it->queue != queue.name || it->reason != reason) continue;
    death = *it;
    history.deaths.erase(it);
    break;
  }
  ++death.count;
  history.deaths.insert(history.deaths.begin(), std::move(death));

  auto dead = storage::MakeRef<storage::Message>();
  dead->exchange = storage::SharedString(*queue.options.dead_letter_exchange);
  dead->routing_key = storage::SharedString(
      queue.options.dead_letter_routing_key.value_or(message.routing_key.str()));
  dead->body = message.body;
  dead->published_at_ms = now_ms_;
  if (message.properties) {
    dead->properties = std::make_unique<storage::Properties>(*message.properties);
  }
  dead->deaths = std::make_unique<storage::DeathHistory>(std::move(history));
  dead->priority = message.priority;
  dead->persistent = message.persistent;
  dead_letters_.push_back({std::move(dead), origin, std::move(life)});
}

void Reference::RouteDeadLetter(const DeadLetterOnItsWay& dead) {
  const storage::Message& message = *dead.message;
  std::vector<uint64_t> queues = RouteNow(message);
  // It was there before, and no consumer has rejected it since.
  std::erase_if(queues, [&](uint64_t number) {
    for (const storage::Death& death : message.deaths->deaths) {
      if (death.reason == storage::DeathReason::kRejected) return false;
      if (death.queue == state_.queues.at(number).name) return true;
    }
    return false;
  });
  bool refused = false;
  queues = Admit(queues, dead.message, /*due_at_ms=*/0, dead.origin, dead.life, &refused);
  if (!queues.empty()) Enqueue(dead.message, queues, {}, dead.origin, dead.life, /*held=*/false);
}

}  // namespace warren::sim
