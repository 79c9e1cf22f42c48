#include "server/core/inspection.h"

#include <algorithm>

#include "server/core/broker_impl.h"

namespace warren::core {
namespace {

EntryView View(const Entry& entry, EntryPlace place) {
  return {.message_id = entry.message->id,
          .message = entry.message->message,
          .place = place,
          .expires_at_ms = entry.expires_at_ms,
          .due_at_ms = place == EntryPlace::kDelayed ? entry.due_at_ms : 0,
          .delivery_count = entry.delivery_count,
          .durable = entry.durable,
          .redelivered = entry.redelivered || entry.delivery_count > 0};
}

}  // namespace

std::vector<QueueFigures> Broker::Impl::MeasureQueues(storage::QueueId after, size_t max) const {
  std::vector<QueueFigures> figures;
  for (auto it = queues_.upper_bound(after); it != queues_.end() && figures.size() < max; ++it) {
    const Queue& queue = *it->second;
    figures.push_back({.id = queue.id,
                       .virtual_host = queue.virtual_host.name,
                       .name = queue.name,
                       .ready = queue.ready_count(),
                       .ready_bytes = queue.ready_bytes(),
                       .delayed = queue.delayed_count(),
                       .delayed_bytes = queue.delayed_bytes(),
                       .unsettled = queue.unsettled_count(),
                       .unsettled_bytes = queue.unsettled_bytes(),
                       .consumers = queue.consumers.size(),
                       .head_ready_since_ms = queue.HeadReadySinceMs(),
                       .tally = queue.tally});
  }
  return figures;
}

void Broker::Impl::Survey(QueueSurvey& survey, size_t max) const {
  auto it = queues_.upper_bound(survey.last);
  for (; it != queues_.end() && max > 0; ++it, --max) {
    const Queue& queue = *it->second;
    survey.last = it->first;
    const std::optional<int64_t> since_ms = queue.HeadReadySinceMs();
    if (!since_ms) continue;
    if (queue.consumers.empty()) ++survey.nonempty_without_consumers;
    if (!survey.oldest_head_since_ms || *since_ms < *survey.oldest_head_since_ms) {
      survey.oldest_head_since_ms = since_ms;
    }
  }
  survey.done = it == queues_.end();
}

std::vector<QueueView> Broker::Impl::ListQueues() const {
  std::vector<QueueView> views;
  views.reserve(queues_.size());
  for (const auto& [id, queue] : queues_) {
    views.push_back({.id = id,
                     .virtual_host = queue->virtual_host.name,
                     .name = queue->name,
                     .options = queue->options,
                     .ready = queue->ready_count(),
                     .ready_bytes = queue->ready_bytes(),
                     .delayed = queue->delayed_count(),
                     .unsettled = queue->unsettled_count(),
                     .held = queue->held_count(),
                     .dying = queue->dying_count(),
                     .consumers = queue->consumers.size()});
  }
  return views;
}

std::vector<EntryView> Broker::Impl::ListEntries(storage::QueueId id) const {
  const auto it = queues_.find(id);
  if (it == queues_.end()) return {};
  const Queue& queue = *it->second;
  std::vector<EntryView> views;
  const auto add_all = [&](const EntryList& list, EntryPlace place) {
    for (const Entry* e = list.front(); e != nullptr; e = e->next) views.push_back(View(*e, place));
  };
  queue.ready().ForEach([&](const Entry& e) { views.push_back(View(e, EntryPlace::kReady)); });
  const size_t first_delayed = views.size();
  queue.deadlines().ForEach([&](const Entry& e) {
    if (e.state == EntryState::kDelayed) views.push_back(View(e, EntryPlace::kDelayed));
  });
  std::sort(views.begin() + static_cast<std::ptrdiff_t>(first_delayed), views.end(),
            [](const EntryView& a, const EntryView& b) {
              return a.due_at_ms != b.due_at_ms ? a.due_at_ms < b.due_at_ms
                                                : a.message_id < b.message_id;
            });
  for (const auto& [consumer_id, consumer] : queue.consumers) {
    add_all(consumer->unsettled, EntryPlace::kUnsettled);
  }
  add_all(queue.leased, EntryPlace::kUnsettled);
  add_all(queue.held(), EntryPlace::kHeld);
  add_all(queue.dying(), EntryPlace::kDying);
  return views;
}

}  // namespace warren::core
