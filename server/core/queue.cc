#include "server/core/queue.h"

#include <utility>

#include "server/base/check.h"
#include "server/core/virtual_host.h"

namespace warren::core {

Queue::Queue(storage::QueueId queue_id, VirtualHost& host, std::string queue_name,
             storage::QueueOptions queue_options)
    : id(queue_id),
      virtual_host(host),
      name(std::move(queue_name)),
      declared(std::move(queue_options)),
      ready_(declared.max_priority) {
  if (declared.deduplication_window_ms > 0) seen.emplace(declared.deduplication_window_ms);
}

void Queue::Follow(PolicyPtr policy) {
  policy_ = std::move(policy);
  by_policy_.reset();
  if (policy_ == nullptr) return;
  storage::QueueOptions merged = Merge(declared, *policy_);
  if (merged != declared) {
    by_policy_ = std::make_unique<const storage::QueueOptions>(std::move(merged));
  }
}

void Queue::AddHeld(Entry& entry) {
  entry.state = EntryState::kHeld;
  held_.PushBack(&entry);
  ++held_count_;
}

std::vector<Entry*> Queue::TakeHeld(uint64_t count) {
  std::vector<Entry*> taken;
  taken.reserve(count);
  for (; count > 0; --count) {
    Entry* entry = held_.front();
    WARREN_CHECK(entry != nullptr);
    held_.Remove(entry);
    --held_count_;
    taken.push_back(entry);
  }
  return taken;
}

void Queue::AddDelayed(Entry& entry, int64_t due_at_ms) {
  entry.state = EntryState::kDelayed;
  entry.due_at_ms = due_at_ms;
  deadlines_.Add(&entry);
  ++delayed_count_;
  ++virtual_host.messages.delayed;
  delayed_bytes_ += entry.body_bytes();
}

void Queue::AddReady(Entry& entry) {
  entry.state = EntryState::kReady;
  ready_.Insert(&entry);
  if (entry.expires_at_ms != 0) deadlines_.Add(&entry);
  ++ready_count_;
  ++virtual_host.messages.ready;
  ready_bytes_ += entry.body_bytes();
}

void Queue::Take(Entry& entry) {
  deadlines_.Remove(&entry);
  if (entry.state == EntryState::kDelayed) {
    --delayed_count_;
    --virtual_host.messages.delayed;
    delayed_bytes_ -= entry.body_bytes();
    return;
  }
  WARREN_CHECK(entry.state == EntryState::kReady);
  ready_.Remove(&entry);
  if (look_ahead_in > 0) --look_ahead_in;
  --ready_count_;
  --virtual_host.messages.ready;
  ready_bytes_ -= entry.body_bytes();
}

void Queue::AddUnsettled(Entry& entry) {
  entry.state = EntryState::kUnsettled;
  ++unsettled_count_;
  ++virtual_host.messages.unsettled;
  unsettled_bytes_ += entry.body_bytes();
}

void Queue::TakeUnsettled(Entry& entry) {
  WARREN_CHECK(entry.state == EntryState::kUnsettled);
  --unsettled_count_;
  --virtual_host.messages.unsettled;
  unsettled_bytes_ -= entry.body_bytes();
}

void Queue::AddDying(Entry& entry, storage::DeathReason reason) {
  entry.state = EntryState::kDying;
  entry.death = reason;
  dying_.PushBack(&entry);
  ++dying_count_;
}

Entry* Queue::TakeDying() {
  Entry* entry = dying_.front();
  if (entry == nullptr) return nullptr;
  dying_.Remove(entry);
  --dying_count_;
  return entry;
}

std::optional<int64_t> Queue::HeadReadySinceMs() const {
  const Entry* head = ready_.head();
  return head != nullptr ? std::optional(head->joined_at_ms) : std::nullopt;
}

bool Queue::IsOver(uint64_t extra_messages, uint64_t extra_bytes) const {
  const uint64_t max_length = options().max_length;
  const uint64_t max_bytes = options().max_length_bytes;
  return (max_length != 0 && ready_count_ + extra_messages > max_length) ||
         (max_bytes != 0 && ready_bytes_ + extra_bytes > max_bytes);
}

}  // namespace warren::core
