// What operators do to messages that wait: move them to another queue, cancel delayed ones.
//
// A message that is moved is one that leaves and one that comes, in one step: so the journal never
// sees it in neither queue, nor in both.
#include <algorithm>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/core/broker_impl.h"

namespace warren::core {
namespace {

// Of bodies in one call: they are one batch of the journal.
constexpr uint64_t kMoveBytesMax = uint64_t{64} << 20;

}  // namespace

absl::Status Broker::Impl::FindEnds(const MoveMessages& c, Queue** source, Queue** destination) {
  const absl::StatusOr<Queue*> from = GetQueue(c.virtual_host, c.source);
  if (!from.ok()) return from.status();
  const absl::StatusOr<Queue*> to = GetQueue(c.virtual_host, c.destination);
  if (!to.ok()) return to.status();
  if (*from == *to) {
    const Subject subject{"queue", c.source, c.virtual_host};
    return Error(absl::StatusCode::kFailedPrecondition, "SAME_QUEUE", subject,
                 absl::StrCat(Describe(subject),
                              " is both source and destination; name two queues"));
  }
  *source = *from;
  *destination = *to;
  return absl::OkStatus();
}

void Broker::Impl::Handle(MoveMessages& c) {
  Queue* source = nullptr;
  Queue* destination = nullptr;
  absl::Status status = FindEnds(c, &source, &destination);
  if (!status.ok()) return Reply(c.request, std::move(status));
  MoveResult result;
  uint64_t bytes = 0;
  while (result.moved < c.max_messages) {
    Entry* entry = source->ready().head();
    if (entry == nullptr) break;
    if (entry->expires_at_ms != 0 && entry->expires_at_ms <= now_ms_) {
      if (timed_budget_ == 0) break;
      --timed_budget_;
      Take(*source, *entry);
      Kill(*source, *entry, storage::DeathReason::kExpired);
      continue;
    }
    // Whatever it does on overflow: nothing is to be lost or refused on the way.
    if (destination->IsOver(1, entry->body_bytes())) break;
    if (bytes > 0 && bytes + entry->body_bytes() > kMoveBytesMax) break;
    if (!IsAtHand(*source, *entry)) {
      if (result.moved > 0) break;
      source->waiting_moves.push_back(std::move(c));
      return;
    }
    bytes += entry->body_bytes();
    Move(*source, *entry, *destination);
    ++result.moved;
  }
  result.left = source->ready_count();
  Dispatch(*source);  // a smaller message may be at the head now, one that a consumer has room for
  Reply(c.request, absl::OkStatus(), result);
}

int64_t Broker::Impl::OwnExpiryMs(const Queue& queue, const Entry& entry) {
  const std::optional<int64_t> own_ms = entry.content().expiration_ms;
  if (!own_ms) return 0;
  // The queue's time to live began at the same moment, and the shorter one counted. If a policy had
  // made that shorter, the message began to live when it was published, or later if it was delayed.
  const int64_t counted_ms = std::min(queue.declared.message_ttl_ms.value_or(*own_ms), *own_ms);
  return std::max(entry.expires_at_ms - counted_ms + *own_ms,
                  entry.content().published_at_ms + *own_ms);
}

void Broker::Impl::Move(Queue& from, Entry& entry, Queue& to) {
  ++usage_.enqueued_total;
  ++usage_.moved_total;
  ++to.tally.published;
  QueuedMessage& queued = *messages_.New();
  queued.id = {NextId()};
  SetContent(queued, entry.message->message);
  MarkSeen(to, *queued.message);
  Entry& made = *MakeEntry(queued, to, /*due_at_ms=*/0);
  if (queued.message->expiration_ms) {
    made.expires_at_ms = OwnExpiryMs(from, entry);
    if (to.options().message_ttl_ms) {
      made.expires_at_ms = std::min(made.expires_at_ms, now_ms_ + *to.options().message_ttl_ms);
    }
  }
  if (made.durable) ledger_.Publish(queued, {FactsOf(to, made)}, {});
  Take(from, entry);
  Discard(from, entry, Ledger::Left::kElsewhere);
  JoinQueue(to, made);
}

void Broker::Impl::Handle(CancelScheduledMessages& c) {
  const absl::StatusOr<Queue*> found = GetQueue(c.virtual_host, c.queue);
  if (!found.ok()) return Reply(c.request, found.status());
  Queue& queue = **found;
  absl::flat_hash_set<uint64_t> ids;  // looked up, never walked
  for (const storage::MessageId id : c.ids) ids.insert(id.value);
  const absl::flat_hash_set<std::string> message_ids(c.message_ids.begin(), c.message_ids.end());
  std::vector<Entry*> cancelled;
  queue.deadlines().delayed().ForEach([&](Entry& entry) {
    const auto has_message_id = [&] {
      return !message_ids.empty() && entry.in_memory() && entry.content().properties &&
             message_ids.contains(entry.content().properties->message_id);
    };
    if (c.all || ids.contains(entry.message->id.value) || has_message_id()) {
      cancelled.push_back(&entry);
    }
  });
  std::sort(cancelled.begin(), cancelled.end(), [](const Entry* a, const Entry* b) {
    return a->position < b->position;
  });
  for (Entry* entry : cancelled) {
    Take(queue, *entry);
    ++usage_.removed_total;
    ++usage_.cancelled_total;
    Discard(queue, *entry, Ledger::Left::kForGood);
  }
  Reply(c.request, absl::OkStatus(), MessageCount{cancelled.size()});
}

}  // namespace warren::core
