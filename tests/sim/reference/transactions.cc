// Publishes and settlements that happen all together or not at all.
#include <algorithm>
#include <utility>

#include "tests/sim/reference/reference.h"

namespace warren::sim {


absl::Status Reference::Prepare(const core::Publication& publication,
                                std::vector<PreparedPublish>& to,
                                std::map<uint64_t, std::pair<uint64_t, uint64_t>>& load) {
  if (!publication.refused.ok()) return publication.refused;
  const storage::Message& message = *publication.message;
  if (const absl::Status status = CheckTarget(message); !status.ok()) return status;
  const ReferenceExchange* exchange = state_.FindExchange(message.exchange.view());
  if (exchange != nullptr && IsRepeat(exchange->seen, message)) return absl::OkStatus();
  const std::vector<uint64_t> routed = RouteNow(message);
  if (routed.empty()) {
    return publication.mandatory ? Fail(absl::StatusCode::kFailedPrecondition, "UNROUTABLE")
                                 : absl::OkStatus();
  }
  PreparedPublish publish{.message = publication.message,
                          .exchange = message.exchange.str(),
                          .queues = {},
                          .arrival = {DueAt(publication), publication.resent}};
  for (const uint64_t number : routed) {
    const ReferenceQueue& queue = state_.queues.at(number);
    if (IsRepeat(queue.seen, message)) continue;
    if (publish.arrival.due_at_ms == 0 &&
        queue.options.overflow != storage::OverflowPolicy::kDropHead) {
      auto& [messages, bytes] = load[number];
      messages += 1;
      bytes += message.body.size();
      if (queue.IsOver(messages, bytes)) {
        return Fail(absl::StatusCode::kResourceExhausted, "QUEUE_FULL");
      }
    }
    publish.queues.push_back(number);
  }
  if (!publish.queues.empty()) to.push_back(std::move(publish));
  return absl::OkStatus();
}

void Reference::Handle(const core::Commit& c) {
  if (!c.producer_id.empty() && c.sequence <= state_.sequences[c.producer_id]) {
    RestOn(producers_[c.producer_id].advanced_lsn);
    return Reply(c.request, absl::OkStatus(), core::CommitResult{.duplicate = true});
  }
  struct PreparedSettle {
    std::vector<Held> held;
    const core::Settlement* settlement;
  };
  std::vector<PreparedSettle> settles;
  std::set<uint64_t> claimed;
  for (const core::TransactionSettlement& part : c.settlements) {
    Consumer* consumer = part.consumer_name.empty() ? nullptr : FindConsumer(part.consumer_name);
    if (consumer == nullptr && !part.consumer_name.empty()) {
      return Reply(c.request, Fail(absl::StatusCode::kFailedPrecondition, "CONSUMER_NOT_FOUND"));
    }
    std::vector<core::SettleFailure> failures;
    settles.push_back(
        {ResolveTags(consumer, part.settlement, claimed, failures), &part.settlement});
    if (!failures.empty()) return Reply(c.request, failures.front().error);
  }
  std::vector<PreparedPublish> publishes;
  std::map<uint64_t, std::pair<uint64_t, uint64_t>> load;
  for (const core::Publication& publication : c.publications) {
    const absl::Status status = Prepare(publication, publishes, load);
    if (!status.ok()) return Reply(c.request, status);
  }

  if (!c.producer_id.empty()) {
    state_.sequences[c.producer_id] = c.sequence;
    producers_[c.producer_id].advanced_lsn = open_lsn_;
    RestOn(open_lsn_);
  }
  transaction_ = c.request;
  std::vector<uint64_t> touched;
  for (const PreparedSettle& settle : settles) {
    for (const Held& held : settle.held) {
      touched.push_back(held.queue);
      SettleOne(held, *settle.settlement, /*in_transaction=*/true);
    }
  }
  std::vector<Held> waits;
  for (PreparedPublish& publish : publishes) {
    const storage::Message& message = *publish.message;
    ReferenceExchange* exchange = state_.FindExchange(publish.exchange);
    if (exchange != nullptr && IsRepeat(exchange->seen, message)) continue;
    std::erase_if(publish.queues, [&](uint64_t number) {
      return IsRepeat(state_.queues.at(number).seen, message);
    });
    if (publish.queues.empty()) continue;
    if (exchange != nullptr) MarkSeen(*exchange, message);
    const std::vector<Held> made =
        Enqueue(publish.message, publish.queues, publish.arrival, {}, nullptr, /*held=*/true);
    waits.insert(waits.end(), made.begin(), made.end());
  }
  AfterSettling(touched);
  Wait(Answer::kReplied, c.request.value, [this, waits, request = c.request] {
    for (const Held& held : waits) {
      Copy* copy = Find(held);
      if (copy == nullptr) continue;  // its queue was deleted
      if (copy->expires_at_ms != 0) copy->expires_at_ms = std::max(copy->expires_at_ms, now_ms_);
      Join(held);
    }
    std::erase_if(gone_in_transactions_,
                  [request](const Gone& gone) { return gone.transaction == request; });
    Emit(core::Replied{.request = request,
                       .status = absl::OkStatus(),
                       .result = core::CommitResult{.duplicate = false}});
  });
}

}  // namespace warren::sim
