// Transactions: publishes and settlements that happen all together or not at all.
//
// Everything is checked before anything is done. Then all of it is done in this one step, so it is
// in one batch of the journal; but what was published is held back from its queues until that batch
// is durable, since a consumer must not act on a transaction that a crash may undo.
#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/core/broker_impl.h"

namespace warren::core {

// A transaction that has been checked: what is to be done.
struct Broker::Impl::Transaction {
  struct Publish {
    storage::MessagePtr message;
    Exchange* exchange = nullptr;  // null: the default exchange
    std::vector<Queue*> queues;
    Arrival arrival;
  };
  struct Settle {
    std::vector<Held> held;
    const Settlement* settlement = nullptr;
  };
  // What this transaction would add to a queue that refuses when it is full.
  struct Load {
    uint64_t messages = 0;
    uint64_t bytes = 0;
  };

  VirtualHost* host = nullptr;
  OwnerId owner;
  Producer* producer = nullptr;
  std::vector<Publish> publishes;
  std::vector<Settle> settles;
  std::map<storage::QueueId, Load> load;
};

void Broker::Impl::Handle(Commit& c) {
  const absl::StatusOr<VirtualHost*> host = GetVirtualHost(c.virtual_host);
  if (!host.ok()) return Reply(c.request, host.status());
  Transaction transaction{.host = *host, .owner = c.owner};
  if (!c.producer_id.empty()) {
    transaction.producer = &producers_.Get(c.virtual_host, c.producer_id, now_ms_);
    timers_.GoOffBy(producers_timer_, TimerKind::kProducers, 0,
                    now_ms_ + options_.producer_expiry_ms);
    if (c.sequence <= transaction.producer->last_sequence) {
      return Reply(c.request, absl::OkStatus(), CommitResult{.duplicate = true});
    }
  }
  const absl::Status status = Prepare(c, transaction);
  if (!status.ok()) {
    // Not the sequence either: nothing has happened, so it may be used again.
    for (const Transaction::Settle& settle : transaction.settles) {
      for (const Held& held : settle.held) held.entry->claimed = false;
    }
    return Reply(c.request, status);
  }
  if (transaction.producer != nullptr) Advance(*transaction.producer, c.sequence);
  Apply(transaction);
  Reply(c.request, absl::OkStatus(), CommitResult{.duplicate = false});
}

absl::Status Broker::Impl::Prepare(Commit& c, Transaction& transaction) {
  for (size_t i = 0; i < c.settlements.size(); ++i) {
    const absl::Status status = Prepare(c.settlements[i], transaction);
    if (!status.ok()) return WithMetadata(status, "settlement", absl::StrCat(i));
  }
  for (size_t i = 0; i < c.publications.size(); ++i) {
    const absl::Status status = Prepare(c.publications[i], transaction);
    if (!status.ok()) return WithMetadata(status, "publication", absl::StrCat(i));
  }
  return absl::OkStatus();
}

absl::Status Broker::Impl::Prepare(const TransactionSettlement& settlement,
                                   Transaction& transaction) {
  VirtualHost& host = *transaction.host;
  Holder holder = transaction.owner;
  if (!settlement.consumer_name.empty()) {
    Consumer* consumer = FindConsumer(host, settlement.consumer_name, transaction.owner);
    if (consumer == nullptr) {
      const Subject subject{"consumer", settlement.consumer_name, host.name};
      return Error(absl::StatusCode::kFailedPrecondition, "CONSUMER_NOT_FOUND", subject,
                   absl::StrCat(Describe(subject), " is not there (any more); its unsettled "
                                "deliveries have been requeued, so begin again with the next one"));
    }
    holder = consumer;
  }
  std::vector<SettleFailure> failures;
  transaction.settles.push_back(
      {.held = Resolve(host, holder, settlement.settlement, failures),
       .settlement = &settlement.settlement});
  return failures.empty() ? absl::OkStatus() : failures.front().error;
}

absl::Status Broker::Impl::Prepare(Publication& publication, Transaction& transaction) {
  VirtualHost& host = *transaction.host;
  if (!publication.refused.ok()) return publication.refused;
  storage::Message& message = *publication.message;
  if (absl::Status status = CheckBodyLimit(host, message); !status.ok()) return status;
  const absl::StatusOr<Exchange*> exchange = FindTarget(host, message);
  if (!exchange.ok()) return exchange.status();
  message.published_at_ms = now_ms_;
  if (*exchange != nullptr && IsRepeat((*exchange)->seen, message)) return absl::OkStatus();

  const std::vector<Queue*>& routed =
      router_.Route(host, *exchange, message.routing_key.view(), message.headers());
  if (routed.empty()) {
    if (publication.mandatory) {
      const Subject subject{"exchange", message.exchange.view(), host.name};
      return Error(absl::StatusCode::kFailedPrecondition, "UNROUTABLE", subject,
                   absl::StrCat(Describe(subject), " routes key \"", message.routing_key.str(),
                                "\" to no queue, and the message is mandatory; bind a queue"));
    }
    ++usage_.unroutable_total;
    return absl::OkStatus();
  }
  Transaction::Publish publish{.message = publication.message,
                               .exchange = *exchange,
                               .queues = {},
                               .arrival = {.due_at_ms = DueAt(*exchange, publication),
                                           .resent = publication.resent}};
  for (Queue* queue : routed) {
    if (IsRepeat(queue->seen, message)) continue;
    if (publish.arrival.due_at_ms == 0 &&
        queue->options().overflow != storage::OverflowPolicy::kDropHead) {
      Transaction::Load& load = transaction.load[queue->id];
      ++load.messages;
      load.bytes += message.body.size();
      if (queue->IsOver(load.messages, load.bytes)) return QueueFull(*queue, load.messages);
    }
    publish.queues.push_back(queue);
  }
  if (!publish.queues.empty()) transaction.publishes.push_back(std::move(publish));
  return absl::OkStatus();
}

void Broker::Impl::Apply(Transaction& transaction) {
  // Even what is settled for good hangs on the rest of the transaction, so no confirm of a settled
  // message may run ahead of the batch: kElsewhere.
  std::vector<Queue*> touched;
  for (const Transaction::Settle& settle : transaction.settles) {
    for (const Held& held : settle.held) {
      touched.push_back(held.queue);
      SettleOne(held, *settle.settlement, Ledger::Left::kElsewhere);
    }
  }
  for (Transaction::Publish& publish : transaction.publishes) {
    // A message id may come twice in one transaction.
    const storage::Message& message = *publish.message;
    if (publish.exchange != nullptr && IsRepeat(publish.exchange->seen, message)) continue;
    std::erase_if(publish.queues,
                  [&](const Queue* queue) { return IsRepeat(queue->seen, message); });
    if (publish.queues.empty()) continue;
    usage_.message_bytes.Observe(message.body.size());
    ++usage_.routed_total;
    if (publish.exchange != nullptr) MarkSeen(*publish.exchange, message);
    Enqueue(publish.message, publish.queues, publish.arrival, {}, Join::kHeld);
  }
  for (Queue* queue : touched) AfterSettling(*queue);
}

}  // namespace warren::core
