// Messages leave memory and come back; the rules stand in paging.h.
#include <algorithm>
#include <set>
#include <utility>

#include "server/base/check.h"
#include "server/core/broker_impl.h"

namespace warren::core {
namespace {

// For how long nothing is sent away after it failed: a full disk doesn't empty in no time.
constexpr int64_t kPauseMs = 1'000;

// Entries that one step sweeps. A message that comes adds its entry to memory, about a hundred
// bytes; a content that goes frees some times as much.
constexpr int kSweepPerStep = 256;

}  // namespace

bool Broker::Impl::WantsSoon(const Queue& queue) const {
  return !queue.consumers.empty() && queue.ready_count() < options_.page_window_messages;
}

bool Broker::Impl::IsShortOfMemory() const {
  return options_.page_out_above_bytes != 0 &&
         usage_.memory_bytes - leaving_bytes_ > options_.page_out_above_bytes &&
         now_ms_ >= page_out_again_ms_;
}

void Broker::Impl::SendAway(QueuedMessage& message) {
  if (message.residence != Residence::kMemory) return;
  message.residence = Residence::kLeaving;
  leaving_bytes_ += message.memory_bytes;
  moving_.emplace(message.id, Moving{.message = &message, .waiting = {}});
  page_work_.out.push_back({message.id, message.message});
}

void Broker::Impl::Fetch(const Queue& queue, QueuedMessage& message) {
  switch (message.residence) {
    case Residence::kMemory:
    case Residence::kStaying:
      break;
    case Residence::kLeaving:
      message.residence = Residence::kStaying;
      leaving_bytes_ -= message.memory_bytes;
      break;
    case Residence::kAway:
      message.residence = Residence::kComing;
      page_work_.in.push_back({message.id, std::exchange(message.page, {})});
      moving_.emplace(message.id, Moving{.message = &message, .waiting = {queue.id}});
      break;
    case Residence::kComing: {
      std::vector<storage::QueueId>& waiting = moving_.at(message.id).waiting;
      if (std::find(waiting.begin(), waiting.end(), queue.id) == waiting.end()) {
        waiting.push_back(queue.id);
      }
      break;
    }
  }
}

bool Broker::Impl::IsAtHand(Queue& queue, const Entry& head) {
  LookAhead(queue);
  if (head.in_memory()) return true;
  Fetch(queue, *head.message);
  return false;
}

void Broker::Impl::ForgetPage(const QueuedMessage& message) {
  switch (message.residence) {
    case Residence::kMemory:
      break;
    case Residence::kAway:
      --usage_.paged_messages;
      page_work_.dropped.push_back(message.page);
      break;
    case Residence::kComing:
      --usage_.paged_messages;
      // The queues that wait go on when the answer comes: a Get may be among what waits.
      moving_.at(message.id).message = nullptr;
      break;
    case Residence::kLeaving:
      leaving_bytes_ -= message.memory_bytes;
      moving_.erase(message.id);
      break;
    case Residence::kStaying:
      moving_.erase(message.id);
      break;
  }
}

void Broker::Impl::LookAhead(Queue& queue) {
  if (queue.look_ahead_in > 0 || (usage_.paged_messages == 0 && moving_.empty())) return;
  const uint32_t window = options_.page_window_messages;
  uint32_t messages = 0;
  uint64_t bytes = 0;
  const bool all = queue.ready().ForFirst([&](const Entry& entry) {
    bytes += entry.body_bytes();
    if (messages == window || (messages > 0 && bytes > options_.page_window_bytes)) return false;
    ++messages;
    Fetch(queue, *entry.message);
    return true;
  });
  queue.look_ahead_in = std::max(1U, (all ? window : messages) / 2);
}

void Broker::Impl::Sweep() {
  const uint64_t mark = options_.page_out_above_bytes + options_.page_out_above_bytes / 2;
  if (!IsShortOfMemory() || now_ms_ < sweep_.again_ms) return;
  if (usage_.memory_bytes - leaving_bytes_ <= mark) return;
  for (int budget = kSweepPerStep; budget > 0; --budget) {
    const auto it = queues_.find(sweep_.queue);
    Entry* entry = it != queues_.end() ? NextToSweep(*it->second) : nullptr;
    if (entry != nullptr) {
      const bool soon = entry->state == EntryState::kReady && !it->second->consumers.empty() &&
                        sweep_.ready_seen <= options_.page_window_messages;
      if (soon || entry->message->entries > 1 ||
          entry->message->residence != Residence::kMemory) {
        continue;
      }
      SendAway(*entry->message);
      ++sweep_.sent;
      continue;
    }
    const auto next = queues_.upper_bound(sweep_.queue);
    const bool round_ends = next == queues_.end();
    if (round_ends && sweep_.sent == 0) sweep_.again_ms = now_ms_ + kPauseMs;
    sweep_ = {.queue = round_ends ? storage::QueueId() : next->first,
              .sent = round_ends ? 0 : sweep_.sent,
              .again_ms = sweep_.again_ms};
    if (now_ms_ < sweep_.again_ms) return;
  }
}

Entry* Broker::Impl::NextToSweep(Queue& queue) {
  if (!sweep_.ready_done) {
    ++sweep_.ready_seen;
    if (Entry* entry = queue.NextOfWalk()) return entry;
    sweep_.ready_done = true;
  }
  const Deadlines& deadlines = queue.deadlines();
  return sweep_.delayed_seen < deadlines.size() ? deadlines.at(sweep_.delayed_seen++) : nullptr;
}

void Broker::Impl::SendAheadAway(Queue& queue) {
  if (!queue.consumers.empty() || !IsShortOfMemory()) return;
  uint32_t messages = 0;
  queue.ready().ForFirst([&](const Entry& entry) {
    // One that other queues have, too, may be needed there.
    if (entry.message->entries == 1) SendAway(*entry.message);
    return ++messages < options_.page_window_messages;
  });
}

void Broker::Impl::Handle(Paged& c) {
  for (PagedOut& out : c.out) HasLeft(out);
  std::set<storage::QueueId> waited;
  for (PagedIn& in : c.in) {
    const auto it = moving_.find(in.id);
    WARREN_CHECK(it != moving_.end());
    const Moving moved = std::move(it->second);
    moving_.erase(it);
    waited.insert(moved.waiting.begin(), moved.waiting.end());
    if (moved.message == nullptr) continue;  // it is over
    QueuedMessage& message = *moved.message;
    WARREN_CHECK(message.residence == Residence::kComing && in.content);
    message.residence = Residence::kMemory;
    message.message = std::move(in.content);
    usage_.memory_bytes += message.memory_bytes;
    --usage_.paged_messages;
  }
  for (const storage::QueueId id : waited) {
    if (const auto it = queues_.find(id); it != queues_.end()) GoOn(*it->second);
  }
}

void Broker::Impl::HasLeft(const PagedOut& out) {
  const auto it = moving_.find(out.id);
  if (it == moving_.end()) {  // it is over
    if (out.page) page_work_.dropped.push_back(out.page);
    return;
  }
  QueuedMessage& message = *it->second.message;
  moving_.erase(it);
  if (message.residence == Residence::kLeaving) leaving_bytes_ -= message.memory_bytes;
  if (!out.page) {
    message.residence = Residence::kMemory;
    page_out_again_ms_ = now_ms_ + kPauseMs;
  } else if (message.residence == Residence::kStaying) {
    message.residence = Residence::kMemory;
    page_work_.dropped.push_back(out.page);
  } else {
    message.residence = Residence::kAway;
    message.page = out.page;
    message.message = nullptr;
    usage_.memory_bytes -= message.memory_bytes;
    ++usage_.paged_messages;
  }
}

void Broker::Impl::GoOn(Queue& queue) {
  while (!queue.dying().empty() && queue.dying().front()->in_memory()) {
    Entry& entry = *queue.TakeDying();
    --usage_.dying_messages;
    Die(queue, entry, entry.death, Ledger::Left::kElsewhere);
  }
  // From the start: the queue may have stopped being served meanwhile.
  for (Get& get : std::exchange(queue.waiting_gets, {})) Handle(get);
  for (MoveMessages& move : std::exchange(queue.waiting_moves, {})) Handle(move);
  ExpireDue(queue);
  EnforceLength(queue);
  SetQueueTimer(queue);
}

}  // namespace warren::core
