// What operators do to messages that wait.
#include <algorithm>
#include <utility>

#include "tests/sim/reference/reference.h"

namespace warren::sim {

void Reference::Handle(const core::MoveMessages& c) {
  const absl::StatusOr<ReferenceQueue*> source = GetQueue(c.source);
  if (!source.ok()) return Reply(c.request, source.status());
  const absl::StatusOr<ReferenceQueue*> destination = GetQueue(c.destination);
  if (!destination.ok()) return Reply(c.request, destination.status());
  if (*source == *destination) {
    return Reply(c.request, Fail(absl::StatusCode::kFailedPrecondition, "SAME_QUEUE"));
  }
  core::MoveResult result;
  while (result.moved < c.max_messages) {
    Copy* head = (*source)->Head();
    if (head == nullptr) break;
    if (head->expires_at_ms != 0 && head->expires_at_ms <= now_ms_) {
      Kill(**source, *head, storage::DeathReason::kExpired);
      continue;
    }
    if ((*destination)->IsOver(1, head->bytes())) break;
    Move(**source, *head, **destination);
    ++result.moved;
  }
  result.left = (*source)->ready();
  Dispatch(**source);
  Reply(c.request, absl::OkStatus(), result);
}

void Reference::Move(ReferenceQueue& from, const Copy& copy, ReferenceQueue& to) {
  const storage::Message& message = *copy.message;
  Copy moved{.number = state_.next_number++, .message = copy.message, .origin = copy.origin};
  // An id that is in the window already, which refuses none of what is moved, keeps its first sighting.
  if (!IsRepeat(to.seen, message)) MarkSeen(to, message);
  // What it promised rests on the copy that it came from until this one is on disk.
  moved.life = std::make_shared<Life>(Life{.born_lsn = open_lsn_,
                                           .durable = to.durable() && message.persistent,
                                           .dead_letter_of = copy.life});
  moved.place = core::EntryPlace::kHeld;
  moved.position = moved.published = moved.number;
  moved.priority = std::min(message.priority, to.options.max_priority);
  if (message.expiration_ms) {
    // Both times to live began together in the queue that it leaves, and the shorter one counted.
    int64_t own_ms = copy.expires_at_ms;
    const auto& ttl_ms = from.declared.message_ttl_ms;
    if (ttl_ms && *ttl_ms < *message.expiration_ms) own_ms += *message.expiration_ms - *ttl_ms;
    // But for what a policy has taken from it.
    own_ms = std::max(own_ms, message.published_at_ms + *message.expiration_ms);
    moved.expires_at_ms = own_ms;
  }
  if (const auto& ttl_ms = to.options.message_ttl_ms) {
    const int64_t at_ms = now_ms_ + *ttl_ms;
    moved.expires_at_ms =
        moved.expires_at_ms != 0 ? std::min(moved.expires_at_ms, at_ms) : at_ms;
  }
  moved.told_expires_at_ms = moved.expires_at_ms;
  if (moved.life->durable) RestOn(open_lsn_);
  const Held held{to.number, moved.number};
  Leave(from, *from.Head());
  to.copies.push_back(std::move(moved));
  Join(held);
}

void Reference::Handle(const core::CancelScheduledMessages& c) {
  const absl::StatusOr<ReferenceQueue*> queue = GetQueue(c.queue);
  if (!queue.ok()) return Reply(c.request, queue.status());
  const auto is_named = [&c](const Copy& copy) {
    if (copy.place != core::EntryPlace::kDelayed) return false;
    const auto& properties = copy.message->properties;
    return c.all || std::find(c.ids.begin(), c.ids.end(), copy.id) != c.ids.end() ||
           (properties && std::find(c.message_ids.begin(), c.message_ids.end(),
                                    properties->message_id) != c.message_ids.end());
  };
  uint64_t cancelled = 0;
  for (;;) {
    std::vector<Copy>& copies = (*queue)->copies;
    const auto it = std::find_if(copies.begin(), copies.end(), is_named);
    if (it == copies.end()) break;
    Leave(**queue, *it);
    ++cancelled;
  }
  Reply(c.request, absl::OkStatus(), core::MessageCount{cancelled});
}

}  // namespace warren::sim
