// Recovery: the broker's state from the journal's live records.
//
// The store is not trusted: a record that refers to something that isn't there is DATA_LOSS, since
// going on could lose messages silently.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/core/broker_impl.h"
#include "storage/absl_view.h"

namespace warren::core {
namespace {

using storage::Absl;

absl::Status Damaged(std::string_view what, uint64_t id) {
  return absl::DataLossError(absl::StrCat(
      "the journal is damaged: ", Absl(what), " (id ", id,
      "); restore the store from a backup"));
}

// ---- What a journal of ours can't hold. Sums of such numbers could overflow, and ids that aren't
// reserved would be given out again. ----

// Far above what any counter of ids reaches, far enough below what its type can hold.
constexpr uint64_t kMostIds = uint64_t{1} << 62;
// The edges take times of up to the year 9999, and spans of up to 100 years; the year 12000.
constexpr int64_t kLastMs = int64_t{10'030} * 366 * 24 * 3600 * 1000;
constexpr int64_t kLongestMs = int64_t{101} * 366 * 24 * 3600 * 1000;

bool IsTime(int64_t ms) { return ms >= 0 && ms <= kLastMs; }
bool IsSpan(int64_t ms) { return ms >= 0 && ms <= kLongestMs; }
bool IsSpan(const std::optional<int64_t>& ms) { return !ms || IsSpan(*ms); }

bool IsSound(const storage::ExchangeOptions& o) {
  return o.durable && IsSpan(o.deduplication_window_ms);
}

bool IsSound(const storage::RetryPolicy& p) {
  // Written so that NaN isn't.
  return IsSpan(p.initial_backoff_ms) && IsSpan(p.max_backoff_ms) && p.multiplier >= 1 &&
         p.jitter >= 0 && p.jitter <= 1;
}

bool IsSound(const storage::QueueOptions& o) {
  return o.durable && !o.exclusive && IsSpan(o.expires_ms) && IsSpan(o.message_ttl_ms) &&
         IsSpan(o.deduplication_window_ms) && (!o.retry || IsSound(*o.retry));
}

bool IsSound(const storage::Message& m) {
  return m.persistent && IsTime(m.published_at_ms) && IsSpan(m.expiration_ms);
}

bool IsSound(const storage::EntryFacts& f) {
  constexpr uint32_t kMostDeliveries = uint32_t{1} << 31;
  return IsTime(f.expires_at_ms) && IsTime(f.due_at_ms) && f.delivery_count <= kMostDeliveries;
}

bool HasQueueTwice(const std::vector<storage::EntryFacts>& entries) {
  if (entries.size() < 2) return false;
  std::vector<storage::QueueId> queues;
  for (const storage::EntryFacts& facts : entries) queues.push_back(facts.queue);
  std::sort(queues.begin(), queues.end());
  return std::adjacent_find(queues.begin(), queues.end()) != queues.end();
}

}  // namespace

template <typename Tag>
absl::Status Broker::Impl::CheckReserved(storage::StrongId<Tag> id, std::string_view what) const {
  if (id && id.value < reserved_ids_) return absl::OkStatus();
  return Damaged(absl::StrCat(Absl(what), " has an id that was never reserved"), id.value);
}

absl::Status Broker::Impl::Restore(storage::Record record, int64_t now_ms) {
  now_ms_ = std::max(now_ms_, now_ms);
  return std::visit([this](auto&& r) { return RestoreOne(std::move(r)); }, std::move(record));
}

template <typename NotLive>
absl::Status Broker::Impl::RestoreOne(NotLive&&) {
  return Damaged("recovery yielded a record that isn't live state", 0);
}

absl::Status Broker::Impl::RestoreOne(storage::IdsReserved&& r) {
  if (r.below > kMostIds) return Damaged("more ids are reserved than there are", r.below);
  next_id_ = reserved_ids_ = std::max(reserved_ids_, r.below);
  return absl::OkStatus();
}

absl::Status Broker::Impl::RestoreOne(storage::VirtualHostDeclared&& r) {
  VirtualHost& host = AddVirtualHost(r.name);
  host.deleting = r.deleting;
  host.limits = r.limits;
  return absl::OkStatus();
}

absl::Status Broker::Impl::RestoreOne(storage::ExchangeDeclared&& r) {
  if (absl::Status status = CheckReserved(r.id, "an exchange"); !status.ok()) return status;
  if (!IsSound(r.options)) return Damaged("an exchange has options out of range", r.id.value);
  const auto host = virtual_hosts_.find(r.virtual_host);
  if (host == virtual_hosts_.end()) return Damaged("an exchange has no virtual host", r.id.value);
  if (exchanges_.contains(r.id) || host->second->FindExchange(r.name) != nullptr) {
    return Damaged("an exchange is there twice", r.id.value);
  }
  AddExchange(*host->second, r.id, r.name, r.options);
  return absl::OkStatus();
}

absl::Status Broker::Impl::RestoreOne(storage::QueueDeclared&& r) {
  if (absl::Status status = CheckReserved(r.id, "a queue"); !status.ok()) return status;
  if (!IsSound(r.options)) return Damaged("a queue has options out of range", r.id.value);
  const auto host = virtual_hosts_.find(r.virtual_host);
  if (host == virtual_hosts_.end()) return Damaged("a queue has no virtual host", r.id.value);
  if (queues_.contains(r.id) || host->second->FindQueue(r.name) != nullptr) {
    return Damaged("a queue is there twice", r.id.value);
  }
  AddQueue(*host->second, r.id, r.name, r.options);
  return absl::OkStatus();
}

absl::Status Broker::Impl::RestoreOne(storage::BindingAdded&& r) {
  if (absl::Status status = CheckReserved(r.id, "a binding"); !status.ok()) return status;
  const auto source = exchanges_.find(r.source);
  if (source == exchanges_.end()) return Damaged("a binding has no source", r.id.value);
  auto binding = std::make_unique<Binding>();
  binding->id = r.id;
  binding->source = source->second;
  binding->key = std::move(r.key);
  binding->arguments = std::move(r.arguments);
  binding->durable = true;
  if (const auto queue = queues_.find(r.queue); queue != queues_.end()) {
    binding->queue = queue->second;
  } else if (const auto exchange = exchanges_.find(r.exchange); exchange != exchanges_.end()) {
    binding->exchange = exchange->second;
  } else {
    return Damaged("a binding has no destination", r.id.value);
  }
  VirtualHost& host = binding->source->virtual_host;
  const VirtualHost& other =
      binding->queue != nullptr ? binding->queue->virtual_host : binding->exchange->virtual_host;
  if (&host != &other) return Damaged("a binding crosses virtual hosts", r.id.value);
  const bool id_taken = binding->source->bindings.contains(r.id) ||
                        (binding->queue != nullptr ? binding->queue->bindings.contains(r.id)
                                                   : binding->exchange->incoming.contains(r.id));
  if (id_taken || host.FindBinding(*binding) != nullptr) {
    return Damaged("a binding is there twice", r.id.value);
  }
  const absl::Status valid =
      binding->source->matcher->Check(binding->source->name, binding->key, binding->arguments);
  if (!valid.ok()) return Damaged("a binding makes no sense to its exchange", r.id.value);
  host.Add(std::move(binding));
  ++usage_.bindings;
  return absl::OkStatus();
}

absl::Status Broker::Impl::RestoreOne(storage::QueueServing&& r) {
  const auto queue = queues_.find(r.queue);
  if (queue == queues_.end()) return Damaged("a serving mark has no queue", r.queue.value);
  // While it was being served, anything in it may have been delivered.
  queue->second->delivered_up_to = r.serving ? next_id_ - 1 : r.delivered_up_to.value;
  if (r.serving) was_served_.push_back(r.queue);
  return absl::OkStatus();
}

absl::Status Broker::Impl::RestoreOne(storage::ProducerAdvanced&& r) {
  if (!IsTime(r.at_ms)) return Damaged("a producer's time is out of range", r.last_sequence);
  Producer& producer = producers_.Get(r.virtual_host, r.producer_id, r.at_ms);
  producer.last_sequence = r.last_sequence;
  producer.refused = RefusedSequences(r.refused);
  return absl::OkStatus();
}

absl::Status Broker::Impl::RestoreOne(storage::MessageIdSeen&& r) {
  if (!IsTime(r.until_ms)) {
    return Damaged("a seen message id's time is out of range",
                   std::max(r.exchange.value, r.queue.value));
  }
  // One whose exchange or queue is gone says nothing any more.
  if (const auto queue = queues_.find(r.queue); queue != queues_.end() && queue->second->seen) {
    queue->second->seen->Restore(std::move(r.message_id), r.until_ms);
  } else if (const auto exchange = exchanges_.find(r.exchange);
             exchange != exchanges_.end() && exchange->second->seen) {
    exchange->second->seen->Restore(std::move(r.message_id), r.until_ms);
  }
  return absl::OkStatus();
}

absl::Status Broker::Impl::RestoreOne(storage::UserPut&& r) {
  std::string name = r.user.name;
  if (!users_.emplace(name, std::move(r.user)).second) {
    return Damaged(absl::StrCat("user \"", name, "\" is there twice"), 0);
  }
  return absl::OkStatus();
}

absl::Status Broker::Impl::RestoreOne(storage::PolicyPut&& r) {
  const std::string name = r.policy.name;
  const auto host = virtual_hosts_.find(r.policy.virtual_host);
  if (host == virtual_hosts_.end()) {
    return Damaged(absl::StrCat("policy \"", name, "\" has no virtual host"), 0);
  }
  if (host->second->policies.Find(name) != nullptr) {
    return Damaged(absl::StrCat("policy \"", name, "\" is there twice"), 0);
  }
  const bool sound = IsSpan(r.policy.queue.expires_ms) && IsSpan(r.policy.queue.message_ttl_ms);
  if (!sound || !host->second->policies.Put(std::move(r.policy)).ok()) {
    return Damaged(absl::StrCat("policy \"", name, "\" is none"), 0);
  }
  return absl::OkStatus();
}

absl::Status Broker::Impl::RestoreOne(storage::MessagePublished&& r) {
  if (!r.message || r.entries.empty()) return Damaged("a message is empty", r.id.value);
  if (absl::Status status = CheckReserved(r.id, "a message"); !status.ok()) return status;
  // Its place in a queue is its id.
  if (r.id <= last_restored_) return Damaged("a message is there twice", r.id.value);
  last_restored_ = r.id;
  if (!IsSound(*r.message)) return Damaged("a message's facts are out of range", r.id.value);
  for (const storage::EntryFacts& facts : r.entries) {
    if (!queues_.contains(facts.queue)) return Damaged("a message has no queue", r.id.value);
    if (!IsSound(facts)) return Damaged("an entry's facts are out of range", r.id.value);
  }
  if (HasQueueTwice(r.entries)) return Damaged("a message is in a queue twice", r.id.value);
  QueuedMessage& queued = *messages_.New();
  queued.id = r.id;
  SetContent(queued, std::move(r.message));
  queued.durable_entries = static_cast<uint32_t>(r.entries.size());
  usage_.recovered_total += r.entries.size();
  for (const storage::EntryFacts& facts : r.entries) {
    Queue& queue = *queues_.at(facts.queue);
    Entry& entry = *MakeEntry(queued, queue, facts.due_at_ms);
    entry.durable = true;
    entry.expires_at_ms = facts.expires_at_ms;
    entry.delivery_count = facts.delivery_count;
    entry.redelivered = r.id.value <= queue.delivered_up_to;
    if (facts.due_at_ms > 0) {
      AddDelayed(queue, entry, facts.due_at_ms);
    } else {
      AddReady(queue, entry, queued.message->published_at_ms);
    }
  }
  if (IsShortOfMemory()) SendAway(queued);
  return absl::OkStatus();
}

void Broker::Impl::FinishRecovery(int64_t now_ms) {
  now_ms_ = std::max(now_ms_, now_ms);
  Effects none;
  out_ = &none;
  if (!virtual_hosts_.contains("/")) {
    AddVirtualHost("/");
    ledger_.Append(storage::VirtualHostDeclared{"/"});
  }
  for (const auto& [name, host] : virtual_hosts_) {
    if (host->deleting) {
      BeginDeletion(*host);
    } else {
      DeclarePredeclared(*host);
    }
  }
  for (const auto& [id, queue] : queues_) {
    queue->Follow(queue->virtual_host.policies.ForQueue(queue->name));
    PutOverdueInPlace(*queue);
    if (queue->seen) queue->seen->FinishRestore();
    queue->last_used_ms = now_ms_;
    SetQueueTimer(*queue);
  }
  for (const auto& [id, exchange] : exchanges_) {
    exchange->policy = exchange->virtual_host.policies.ForExchange(exchange->name);
    if (exchange->seen) exchange->seen->FinishRestore();
    if (exchange->seen && exchange->seen->oldest() != nullptr) {
      timers_.GoOffBy(exchange->timer, TimerKind::kExchange, id.value,
                      exchange->seen->oldest()->until_ms);
    }
  }
  if (const Producer* oldest = producers_.oldest()) {
    timers_.GoOffBy(producers_timer_, TimerKind::kProducers, 0,
                    oldest->last_used_ms + options_.producer_expiry_ms);
  }
  // Nothing has been delivered in this run yet; what may have been is flagged.
  for (const storage::QueueId id : std::exchange(was_served_, {})) {
    ledger_.Append(storage::QueueServing{id, false, {queues_.at(id)->delivered_up_to}});
  }
  out_ = nullptr;
}

// Entries that came due, in this run or an earlier one, joined the tail at that moment; the journal
// only knows when they were due. They go back among those that were published then.
void Broker::Impl::PutOverdueInPlace(Queue& queue) {
  std::vector<Entry*> overdue;
  for (size_t i = 0; i < queue.deadlines().size(); ++i) {
    Entry* entry = queue.deadlines().at(i);
    if (entry->state == EntryState::kDelayed && entry->due_at_ms <= now_ms_) {
      overdue.push_back(entry);
    }
  }
  if (overdue.empty()) return;
  for (Entry* entry : overdue) Take(queue, *entry);
  struct Place {
    int64_t joined_ms;
    Entry* entry;
  };
  std::vector<Place> places;
  for (Entry* entry : overdue) places.push_back({entry->due_at_ms, entry});
  while (Entry* entry = queue.ready().head()) {
    Take(queue, *entry);
    places.push_back({entry->joined_at_ms, entry});
  }
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
    return a.joined_ms != b.joined_ms ? a.joined_ms < b.joined_ms
                                      : a.entry->position < b.entry->position;
  });
  for (const Place& place : places) {
    place.entry->position = NextId();
    AddReady(queue, *place.entry, place.joined_ms);
  }
}

}  // namespace warren::core
