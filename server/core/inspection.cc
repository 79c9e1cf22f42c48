#include "server/core/inspection.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/core/broker_impl.h"
#include "server/core/measure.h"

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
          .redelivered = entry.redelivered || entry.delivery_count > 0,
          .body_bytes = entry.body_bytes()};
}

// A part of Peek: the entries of one place behind `after`, of which only the numbers count.
class Peeker {
 public:
  Peeker(const Queue& queue, size_t max) : queue_(queue), max_(max) {}

  // True if there may be more in this place than what was taken.
  bool Take(const EntryMark& after) {
    switch (after.place) {
      case EntryPlace::kReady: return TakeReady(after);
      case EntryPlace::kDelayed: return TakeDelayed(after);
      default: return TakeUnsettled(after);
    }
  }
  Part<EntryView, EntryMark>& part() { return part_; }

 private:
  // False: there is no room for it.
  bool Add(const Entry& entry, const EntryMark& mark) {
    if (part_.items.size() == max_) return false;
    part_.items.push_back(View(entry, mark.place));
    part_.last = mark;
    return true;
  }

  bool TakeReady(const EntryMark& after) {
    size_t passed = 0;
    return !queue_.ready().ForFirst([&](const Entry& entry) {
      if (++passed > Broker::kPeekDepth) return true;
      const EntryMark mark{EntryPlace::kReady, uint64_t{UINT8_MAX} - entry.priority,
                           entry.position};
      const bool behind = mark.major != after.major ? mark.major > after.major
                                                    : mark.minor > after.minor;
      return !behind || Add(entry, mark);
    });
  }

  bool TakeDelayed(const EntryMark& after) {
    const std::vector<Entry*> entries = queue_.deadlines().delayed().After(
        static_cast<int64_t>(after.major), after.minor, max_ - part_.items.size() + 1,
        Broker::kPeekDepth);
    for (const Entry* entry : entries) {
      if (!Add(*entry, {EntryPlace::kDelayed, static_cast<uint64_t>(entry->deadline_ms()),
                        entry->position})) {
        return true;
      }
    }
    return false;
  }

  bool TakeUnsettled(const EntryMark& after) {
    constexpr uint64_t kLeases = UINT64_MAX;
    size_t passed = 0;
    const auto take = [&](const EntryList& list, uint64_t holder) {
      for (const Entry* e = list.front(); e != nullptr; e = e->next) {
        if (++passed > Broker::kPeekDepth) return true;
        if (holder == after.major && e->tag <= after.minor) continue;
        if (!Add(*e, {EntryPlace::kUnsettled, holder, e->tag})) return false;
      }
      return true;
    };
    for (auto it = queue_.consumers.lower_bound({after.major}); it != queue_.consumers.end(); ++it) {
      if (!take(it->second->unsettled, it->first.value)) return true;
    }
    return !take(queue_.leased, kLeases);
  }

  const Queue& queue_;
  const size_t max_;
  Part<EntryView, EntryMark> part_;
};

}  // namespace

absl::StatusOr<storage::QueueId> Broker::Impl::FindQueueId(const std::string& virtual_host,
                                                           const std::string& name) const {
  const absl::StatusOr<VirtualHost*> host = GetVirtualHost(virtual_host);
  if (!host.ok()) return host.status();
  const Queue* queue = (*host)->FindQueue(name);
  if (queue != nullptr) return queue->id;
  const Subject subject{"queue", name, virtual_host};
  return Error(absl::StatusCode::kNotFound, "QUEUE_NOT_FOUND", subject,
               absl::StrCat(Describe(subject), " does not exist; declare it first"));
}

Part<EntryView, EntryMark> Broker::Impl::Peek(storage::QueueId id, EntryMark after,
                                              std::optional<EntryPlace> only, size_t max) const {
  const auto it = queues_.find(id);
  if (it == queues_.end()) return {.items = {}, .last = after, .done = true};
  Peeker peeker(*it->second, max);
  peeker.part().last = after;
  for (const EntryPlace place :
       {EntryPlace::kReady, EntryPlace::kDelayed, EntryPlace::kUnsettled}) {
    const auto rank = [](EntryPlace p) {
      return p == EntryPlace::kReady ? 0 : p == EntryPlace::kDelayed ? 1 : 2;
    };
    if ((only && *only != place) || rank(place) < rank(after.place)) continue;
    const EntryMark from = place == after.place ? after : EntryMark{.place = place};
    if (peeker.Take(from)) return std::move(peeker.part());
  }
  peeker.part().done = true;
  return std::move(peeker.part());
}

absl::StatusOr<RouteExplanation> Broker::Impl::ExplainRoute(const std::string& virtual_host,
                                                            const std::string& exchange_name,
                                                            std::string_view routing_key,
                                                            const storage::Headers& headers) {
  const absl::StatusOr<VirtualHost*> host = GetVirtualHost(virtual_host);
  if (!host.ok()) return host.status();
  RouteExplanation explanation;
  const auto refusal = [this](const Queue& queue) {
    const bool refuses = queue.options().overflow != storage::OverflowPolicy::kDropHead;
    return refuses && queue.IsOver(1, 0) ? QueueFull(queue, 1) : absl::OkStatus();
  };
  if (exchange_name.empty()) {
    const Queue* queue = (*host)->FindQueue(routing_key);
    if (queue == nullptr) {
      explanation.unroutable =
          absl::StrCat("the default exchange routes to the queue that the routing key names, and ",
                       Describe({"queue", routing_key, virtual_host}), " does not exist");
      return explanation;
    }
    explanation.queues = 1;
    explanation.routes.push_back({.queue = queue->name, .steps = {}, .refusal = refusal(*queue)});
    return explanation;
  }
  Exchange* exchange = (*host)->FindExchange(exchange_name);
  const Subject subject{"exchange", exchange_name, virtual_host};
  if (exchange == nullptr) {
    return Error(absl::StatusCode::kNotFound, "EXCHANGE_NOT_FOUND", subject,
                 absl::StrCat(Describe(subject), " does not exist; declare it first"));
  }
  const std::vector<Router::Step> steps = router_.Explain(**host, *exchange, routing_key, headers);
  std::vector<const Router::Step*> ends;
  for (const Router::Step& step : steps) {
    if (step.queue != nullptr) ends.push_back(&step);
  }
  std::sort(ends.begin(), ends.end(), [](const Router::Step* a, const Router::Step* b) {
    return a->queue->name < b->queue->name;
  });
  explanation.queues = ends.size();
  if (ends.size() > RouteExplanation::kRoutesMax) ends.resize(RouteExplanation::kRoutesMax);
  for (const Router::Step* end : ends) {
    Route& route = explanation.routes.emplace_back();
    route.queue = end->queue->name;
    route.refusal = refusal(*end->queue);
    for (const Router::Step* step = end; step != steps.data(); step = &steps[step->from]) {
      RouteStep& told = route.steps.emplace_back();
      if (step->binding != nullptr) {
        told.binding = SpecOf(*step->binding);
      } else {
        told.alternate_exchange = step->exchange->name;
      }
    }
    std::reverse(route.steps.begin(), route.steps.end());
  }
  if (ends.empty()) {
    explanation.unroutable = absl::StrCat(
        "no binding of ", Describe(subject), " matches",
        steps.size() > 1 ? absl::StrCat(" that leads to a queue; it reached ", steps.size() - 1,
                                        " other exchange(s)")
                         : "",
        exchange->alternate_exchange().empty()
            ? ", and it has no alternate exchange"
            : absl::StrCat("; its alternate exchange is \"", exchange->alternate_exchange(),
                           "\""));
  }
  return explanation;
}

std::vector<QueueFigures> Broker::Impl::MeasureQueues(storage::QueueId after, size_t max) const {
  std::vector<QueueFigures> figures;
  for (auto it = queues_.upper_bound(after); it != queues_.end() && figures.size() < max; ++it) {
    figures.push_back(Measure(*it->second));
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
                     .options = queue->options(),
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
