// Messages that a queue gives up: counted, and sent on to its dead-letter exchange if it has one.
//
// Where they go is decided at the end of the step, one after the other: a full queue that
// dead-letters into a full queue, and so on, must not become recursion. All of it is one step, so
// the journal never sees the message in neither place, nor in both.
#include <utility>

#include "server/base/check.h"
#include "server/core/broker_impl.h"
#include "server/core/dead_letter.h"

namespace warren::core {
namespace {

constexpr uint64_t kDyingMax = 4'096;

}  // namespace

void Broker::Impl::Kill(Queue& queue, Entry& entry, storage::DeathReason reason,
                        Ledger::Left left) {
  // What a consumer gave back is in memory, and its answer waits for this step's batch: so the end
  // of the entry has to be in it.
  const bool settled = reason == storage::DeathReason::kRejected ||
                       reason == storage::DeathReason::kDeliveryLimit;
  const bool must_wait = !entry.in_memory() || (!settled && !queue.dying().empty());
  if (!queue.options().dead_letter_exchange || !must_wait) {
    return Die(queue, entry, reason, left);
  }
  ++usage_.dying_messages;
  queue.AddDying(entry, reason);
  Fetch(queue, *entry.message);
}

bool Broker::Impl::HasManyDying(const Queue& queue) { return queue.dying_count() >= kDyingMax; }

void Broker::Impl::Die(Queue& queue, Entry& entry, storage::DeathReason reason,
                       Ledger::Left left) {
  switch (reason) {
    case storage::DeathReason::kRejected:
      ++usage_.rejected_total;
      break;
    case storage::DeathReason::kExpired:
      ++usage_.expired_total;
      break;
    case storage::DeathReason::kMaxlen:
      ++usage_.overflowed_total;
      break;
    case storage::DeathReason::kDeliveryLimit:
      ++usage_.exhausted_total;
      break;
  }
  if (queue.options().dead_letter_exchange) {
    DeadLetter(queue, entry.content(), reason);
    left = Ledger::Left::kElsewhere;
  } else {
    ++usage_.dropped[reason];
  }
  Discard(queue, entry, left);
}

void Broker::Impl::DeadLetter(Queue& queue, const storage::Message& message,
                              storage::DeathReason reason) {
  if (!queue.options().dead_letter_exchange) return;
  ++usage_.dead_lettered_total;
  ++usage_.dead_lettered[reason];
  ++queue.tally.dead_lettered[reason];
  dead_letters_.push_back(
      {&queue.virtual_host, MakeDeadLetter(queue, message, reason, now_ms_)});
}

void Broker::Impl::RouteDeadLetter(VirtualHost& host, const storage::MessagePtr& message) {
  Exchange* exchange = nullptr;
  if (!message->exchange.empty()) {
    exchange = host.FindExchange(message->exchange.view());
    if (exchange == nullptr) {
      ++usage_.dead_letters_lost_total;
      return;
    }
  }
  std::vector<Queue*> queues =
      router_.Route(host, exchange, message->routing_key.view(), message->headers());
  std::erase_if(queues, [&](const Queue* queue) { return ClosesCycle(*message, queue->name); });
  // Nobody is there to be told that a queue refuses.
  queues = Admit(queues, message, /*due_at_ms=*/0).queues;
  if (queues.empty()) {
    ++usage_.dead_letters_lost_total;
    return;
  }
  Enqueue(message, queues, {}, {}, Join::kNow);
}

}  // namespace warren::core
