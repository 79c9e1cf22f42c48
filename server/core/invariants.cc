// What must hold between steps, checked by walking everything. For simulation and debug builds.
#include <algorithm>

#include "server/base/check.h"
#include "server/core/broker_impl.h"

namespace warren::core {
namespace {

struct Counted {
  uint64_t ready = 0;
  uint64_t ready_bytes = 0;
  uint64_t delayed = 0;
  uint64_t delayed_bytes = 0;
  uint64_t unsettled = 0;
  uint64_t unsettled_bytes = 0;
  uint64_t held = 0;
  uint64_t dying = 0;
};

void CheckEntry(const Queue& queue, const Entry& entry, EntryState state) {
  WARREN_CHECK(entry.state == state);
  WARREN_CHECK(entry.message != nullptr && entry.message->entries > 0);
  WARREN_CHECK(entry.priority <= queue.declared.max_priority);
  WARREN_CHECK(!entry.durable || queue.durable());
  const Residence residence = entry.message->residence;
  const bool in_memory = residence != Residence::kAway && residence != Residence::kComing;
  WARREN_CHECK(entry.in_memory() == in_memory);
  if (!in_memory) {
    WARREN_CHECK(state != EntryState::kUnsettled);
    return;
  }
  WARREN_CHECK(entry.body_bytes() == entry.content().body.size());
  WARREN_CHECK(!entry.durable || entry.content().persistent);
  WARREN_CHECK(!entry.claimed);
}

void CheckHeap(const Queue& queue) {
  uint32_t inside = 0;
  queue.deadlines().ForEach([&](const Entry& entry) {
    WARREN_CHECK(entry.deadline_ms() >= queue.deadlines().front_ms());
    WARREN_CHECK(entry.deadline_index < queue.deadlines().size());
    ++inside;
  });
  WARREN_CHECK(inside == queue.deadlines().size());
}

uint64_t CheckUnsettled(const Queue& queue, const EntryList& list, uint64_t* bytes) {
  uint64_t count = 0;
  uint64_t last_tag = 0;
  for (const Entry* e = list.front(); e != nullptr; e = e->next) {
    CheckEntry(queue, *e, EntryState::kUnsettled);
    WARREN_CHECK(e->tag > last_tag);
    WARREN_CHECK(e->delivery_count > 0);
    last_tag = e->tag;
    *bytes += e->body_bytes();
    ++count;
  }
  return count;
}

Counted CheckQueue(const Queue& queue) {
  Counted counted;
  const Entry* before = nullptr;
  queue.ready().ForEach([&](const Entry& entry) {
    CheckEntry(queue, entry, EntryState::kReady);
    WARREN_CHECK((entry.expires_at_ms != 0) == (entry.deadline_index != Entry::kNoDeadline));
    WARREN_CHECK(before == nullptr || before->priority > entry.priority ||
                 (before->priority == entry.priority && before->position < entry.position));
    before = &entry;
    ++counted.ready;
    counted.ready_bytes += entry.body_bytes();
  });
  CheckHeap(queue);
  queue.deadlines().ForEach([&](const Entry& entry) {
    if (entry.state != EntryState::kDelayed) return;
    ++counted.delayed;
    counted.delayed_bytes += entry.body_bytes();
  });
  for (const Entry* e = queue.held().front(); e != nullptr; e = e->next) {
    CheckEntry(queue, *e, EntryState::kHeld);
    ++counted.held;
  }
  for (const Entry* e = queue.dying().front(); e != nullptr; e = e->next) {
    CheckEntry(queue, *e, EntryState::kDying);
    ++counted.dying;
  }
  // The first to die has to be waited for, or it would be dead.
  const Entry* first = queue.dying().front();
  WARREN_CHECK(first == nullptr || first->message->residence == Residence::kComing);
  for (const auto& [id, consumer] : queue.consumers) {
    WARREN_CHECK(consumer->queue == &queue && consumer->id == id);
    uint64_t bytes = 0;
    const uint64_t count = CheckUnsettled(queue, consumer->unsettled, &bytes);
    WARREN_CHECK(count == consumer->by_tag.size() && bytes == consumer->unsettled_bytes);
    WARREN_CHECK((consumer->ring_next != nullptr) == consumer->WantsMore());
    counted.unsettled += count;
    counted.unsettled_bytes += bytes;
  }
  counted.unsettled += CheckUnsettled(queue, queue.leased, &counted.unsettled_bytes);

  WARREN_CHECK(counted.ready == queue.ready_count());
  WARREN_CHECK(counted.ready_bytes == queue.ready_bytes());
  WARREN_CHECK(counted.delayed == queue.delayed_count());
  WARREN_CHECK(counted.delayed_bytes == queue.delayed_bytes());
  WARREN_CHECK(counted.unsettled == queue.unsettled_count());
  WARREN_CHECK(counted.unsettled_bytes == queue.unsettled_bytes());
  WARREN_CHECK(counted.held == queue.held_count());
  WARREN_CHECK(counted.dying == queue.dying_count());
  return counted;
}

}  // namespace

void Broker::Impl::CheckInvariants() const {
  Counted all;
  for (const auto& [id, queue] : queues_) {
    WARREN_CHECK(queue->id == id);
    WARREN_CHECK(queue->virtual_host.FindQueue(queue->name) == queue);
    WARREN_CHECK(!queue->declared.exclusive || queue->exclusive_owner);
    const bool changing = std::any_of(
        policy_changes_.begin(), policy_changes_.end(),
        [queue](const PolicyChange& change) { return change.host == &queue->virtual_host; });
    if (!changing && !queue->virtual_host.deleting) {
      WARREN_CHECK(queue->policy() == queue->virtual_host.policies.ForQueue(queue->name));
      WARREN_CHECK(!queue->shrinking);
    }
    // What waits for content waits for some that is on its way.
    WARREN_CHECK(queue->waiting_moves.empty() || !moving_.empty());
    const Counted counted = CheckQueue(*queue);
    all.ready += counted.ready;
    all.ready_bytes += counted.ready_bytes;
    all.delayed += counted.delayed;
    all.delayed_bytes += counted.delayed_bytes;
    all.unsettled += counted.unsettled;
    all.unsettled_bytes += counted.unsettled_bytes;
    all.held += counted.held;
    all.dying += counted.dying;
    // Nobody who could take more waits beside messages that could be taken; but those of a virtual
    // host that is being deleted are taken away from under its consumers.
    if (!stopping_ && !queue->virtual_host.deleting && queue->serving == Serving::kYes &&
        queue->ready_count() > 0) {
      const Entry* head = queue->ready().head();
      const bool overdue = head->expires_at_ms != 0 && head->expires_at_ms < now_ms_;
      const bool coming = head->message->residence == Residence::kComing;
      WARREN_CHECK(overdue || coming ||
                   queue->available.NextWithRoomFor(head->body_bytes()) == nullptr);
    }
  }
  WARREN_CHECK(all.ready == usage_.ready_messages);
  WARREN_CHECK(all.ready_bytes == usage_.ready_bytes);
  WARREN_CHECK(all.delayed == usage_.delayed_messages);
  WARREN_CHECK(all.delayed_bytes == usage_.delayed_bytes);
  WARREN_CHECK(all.unsettled == usage_.unsettled_messages);
  WARREN_CHECK(all.unsettled_bytes == usage_.unsettled_bytes);
  WARREN_CHECK(all.held == usage_.held_messages);
  WARREN_CHECK(all.dying == usage_.dying_messages);

  VirtualHost::Messages of_hosts;
  size_t queues_of_hosts = 0;
  for (const auto& [name, host] : virtual_hosts_) {
    of_hosts.ready += host->messages.ready;
    of_hosts.delayed += host->messages.delayed;
    of_hosts.unsettled += host->messages.unsettled;
    queues_of_hosts += host->queue_count();
  }
  WARREN_CHECK(of_hosts.ready == all.ready && of_hosts.delayed == all.delayed &&
               of_hosts.unsettled == all.unsettled && queues_of_hosts == queues_.size());

  const uint64_t came = usage_.recovered_total + usage_.enqueued_total;
  const uint64_t left = usage_.acked_total + usage_.rejected_total + usage_.expired_total +
                        usage_.overflowed_total + usage_.exhausted_total + usage_.removed_total +
                        usage_.moved_total;
  WARREN_CHECK(came ==
               left + all.ready + all.delayed + all.unsettled + all.held +
                   all.dying);

  uint64_t bindings = 0;
  for (const auto& [id, exchange] : exchanges_) {
    WARREN_CHECK(exchange->virtual_host.FindExchange(exchange->name) == exchange);
    for (const auto& [binding_id, binding] : exchange->bindings) {
      WARREN_CHECK(binding->source == exchange);
      WARREN_CHECK((binding->queue != nullptr) != (binding->exchange != nullptr));
      ++bindings;
    }
  }
  WARREN_CHECK(bindings == usage_.bindings);
  for (const auto& [id, consumer] : consumers_) WARREN_CHECK(consumer->queue->consumers.contains(id));
  for (const auto& [tag, lease] : leases_) WARREN_CHECK(lease.entry->tag == tag);
  WARREN_CHECK(leaving_bytes_ <= usage_.memory_bytes);
  WARREN_CHECK(!moving_.empty() || leaving_bytes_ == 0);
  WARREN_CHECK(dead_letters_.empty() && idle_exchanges_.empty() && !confirms_);
}

}  // namespace warren::core
