// Publishers, and a message's way from a publisher into queues.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/base/error.h"
#include "server/core/broker_impl.h"

namespace warren::core {
namespace {

constexpr std::string_view kDelayHeader = "x-delay";

// The longest delay, as the API has it; for the header, which comes unchecked.
constexpr int64_t kDelayMaxMs = int64_t{100} * 366 * 24 * 3600 * 1000;

}  // namespace

// ---- Publishers ----

void Broker::Impl::Handle(OpenPublisher& c) {
  const absl::StatusOr<VirtualHost*> host = GetVirtualHost(c.virtual_host);
  if (!host.ok()) return Emit(PublisherClosed{c.publisher, host.status()});
  Publisher publisher{.id = c.publisher, .virtual_host = *host, .is_stream = c.takes_over};
  auto owner = publishers_.end();
  if (!c.producer_id.empty()) {
    publisher.producer = &producers_.Get(c.virtual_host, c.producer_id, now_ms_);
    timers_.GoOffBy(producers_timer_, TimerKind::kProducers, 0,
                    now_ms_ + options_.producer_expiry_ms);
    if (c.takes_over) owner = publishers_.find(publisher.producer->owner);
  }
  if (owner != publishers_.end()) {
    const Subject subject{"producer", c.producer_id, c.virtual_host};
    Emit(PublisherClosed{
        owner->first,
        Error(absl::StatusCode::kAborted, "PRODUCER_TAKEN_OVER", subject,
              absl::StrCat(Describe(subject), " was opened by another stream, which has it "
                           "now; use one stream a producer id"))});
    RemovePublisher(owner->second);
  } else if (c.takes_over) {  // else it has the place of the one before
    if (absl::Status full = CheckStreamLimit(**host); !full.ok()) {
      return Emit(PublisherClosed{c.publisher, full});
    }
  }
  if (publisher.producer != nullptr) {
    if (c.takes_over) publisher.producer->owner = c.publisher;
    ++publisher.producer->publishers;
  }
  if (publisher.is_stream) ++(*host)->publish_streams;
  publishers_.emplace(c.publisher, publisher);
  // What it is told was taken is durable by then.
  ledger_.Wait(Effect(PublisherOpened{
      .publisher = c.publisher,
      .last_sequence = publisher.producer != nullptr ? publisher.producer->last_sequence : 0}));
}

void Broker::Impl::Handle(ClosePublisher& c) {
  const auto it = publishers_.find(c.publisher);
  if (it != publishers_.end()) RemovePublisher(it->second);
}

void Broker::Impl::RemovePublisher(Publisher& publisher) {
  if (Producer* producer = publisher.producer) {
    --producer->publishers;
    if (producer->owner == publisher.id) producer->owner = {};
  }
  if (publisher.is_stream) --publisher.virtual_host->publish_streams;
  publishers_.erase(publisher.id);
}

Broker::Impl::Sequence Broker::Impl::Find(const Producer& producer, uint64_t sequence) {
  if (sequence > producer.last_sequence) return Sequence::kNew;
  return producer.refused.Contains(sequence) ? Sequence::kRefused : Sequence::kTaken;
}

void Broker::Impl::Advance(Producer& producer, uint64_t sequence) {
  producer.last_sequence = sequence;
  producer.refused.Pass(sequence);
  producers_.Touch(producer, now_ms_);
  ledger_.AdvanceProducer(producer, now_ms_);
}

// ---- One message ----

void Broker::Impl::Handle(Publish& c) {
  const auto it = publishers_.find(c.publisher);
  if (it == publishers_.end()) return;
  uint64_t sequence = c.first_sequence;
  for (Publication& publication : c.publications) PublishOne(it->second, sequence++, publication);
}

void Broker::Impl::Refuse(Publisher& publisher, uint64_t sequence, absl::Status error) {
  if (Producer* producer = publisher.producer;
      producer != nullptr && producer->refused.Add(sequence)) {
    producers_.Touch(*producer, now_ms_);
    ledger_.AdvanceProducer(*producer, now_ms_);
  }
  FlushConfirms();
  Emit(Confirmed{.publisher = publisher.id,
                 .first_sequence = sequence,
                 .last_sequence = sequence,
                 .outcome = Outcome::kRejected,
                 .error = std::move(error)});
}

void Broker::Impl::PublishOne(Publisher& publisher, uint64_t sequence, Publication& publication) {
  VirtualHost& host = *publisher.virtual_host;
  // A repeat rests on the first one, so its confirm waits for what is still on its way.
  const auto repeated = [&] {
    ledger_.Wait(Effect(Confirmed{.publisher = publisher.id,
                                  .first_sequence = sequence,
                                  .last_sequence = sequence,
                                  .outcome = Outcome::kDuplicate,
                                  .error = {}}));
  };
  const Sequence known =
      publisher.producer != nullptr ? Find(*publisher.producer, sequence) : Sequence::kNew;
  // The edge has no say over what was taken: its limits may have been others then.
  if (known == Sequence::kTaken) return repeated();
  // Nor is a sequence spent that it refuses: mended, the message may come again under it, until a
  // later one has been used.
  if (publication.refused.ok()) publication.refused = CheckBodyLimit(host, *publication.message);
  if (!publication.refused.ok()) {
    return Refuse(publisher, sequence, std::move(publication.refused));
  }
  if (known == Sequence::kRefused) {
    const Subject subject{"producer", publisher.producer->id, host.name};
    return Refuse(publisher, sequence,
                  Error(absl::StatusCode::kFailedPrecondition, "SEQUENCE_REFUSED", subject,
                        absl::StrCat(Describe(subject), ": sequence ", sequence,
                                     " was refused before; publish it under a new one")));
  }
  if (publisher.producer != nullptr) Advance(*publisher.producer, sequence);

  storage::Message& message = *publication.message;
  const absl::StatusOr<Exchange*> exchange = FindTarget(host, message);
  if (!exchange.ok()) return Refuse(publisher, sequence, exchange.status());
  message.published_at_ms = now_ms_;
  usage_.message_bytes.Observe(message.body.size());
  if (*exchange != nullptr && IsRepeat((*exchange)->seen, message)) return repeated();

  const std::vector<Queue*>& routed =
      router_.Route(host, *exchange, message.routing_key.view(), message.headers());
  if (routed.empty()) {
    ++usage_.unroutable_total;
    if (publication.mandatory) ++usage_.returned_total;
    return Confirm(publisher.id, sequence, sequence,
                   publication.mandatory ? Outcome::kUnroutable : Outcome::kAccepted);
  }
  ++usage_.routed_total;
  const Arrival arrival{.due_at_ms = DueAt(*exchange, publication), .resent = publication.resent};
  const storage::MessagePtr shared = publication.message;
  Admission admission = Admit(routed, shared, arrival.due_at_ms);
  if (!admission.refusal.ok()) {
    Refuse(publisher, sequence, std::move(admission.refusal));
    if (!admission.queues.empty()) {
      Enqueue(shared, admission.queues, arrival, {}, Join::kNow);
    }
    return;
  }
  if (admission.queues.empty()) return repeated();
  // Only what was taken is marked: what was refused or unroutable may be published again.
  const bool seen = *exchange != nullptr && MarkSeen(**exchange, message);
  Enqueue(shared, admission.queues, arrival,
          {.publisher = publisher.id,
           .sequence = sequence,
           .recognised = seen || publisher.producer != nullptr},
          Join::kNow);
}

absl::StatusOr<Exchange*> Broker::Impl::FindTarget(VirtualHost& host,
                                                   const storage::Message& message) {
  if (message.exchange.empty()) return nullptr;
  const std::string_view name = message.exchange.view();
  Exchange* exchange = host.FindExchange(name);
  const Subject subject{"exchange", name, host.name};
  if (exchange == nullptr) {
    return Error(absl::StatusCode::kNotFound, "EXCHANGE_NOT_FOUND", subject,
                 absl::StrCat(Describe(subject), " does not exist; declare it first"));
  }
  if (exchange->declared.internal) {
    return Error(absl::StatusCode::kPermissionDenied, "EXCHANGE_INTERNAL", subject,
                 absl::StrCat(Describe(subject), " is internal: it takes messages from other "
                              "exchanges only; publish to one that is bound to it"));
  }
  return exchange;
}

int64_t Broker::Impl::DueAt(const Exchange* exchange, const Publication& publication) const {
  if (publication.deliver_at_ms > 0) {
    return publication.deliver_at_ms > now_ms_ ? publication.deliver_at_ms : 0;
  }
  int64_t delay_ms = publication.delay_ms;
  if (delay_ms == 0 && exchange != nullptr && exchange->declared.delayed) {
    const storage::Value* header =
        storage::FindHeader(publication.message->headers(), kDelayHeader);
    if (header != nullptr) {
      if (const auto* ms = std::get_if<int64_t>(&header->data)) delay_ms = *ms;
    }
  }
  return delay_ms > 0 ? now_ms_ + std::min(delay_ms, kDelayMaxMs) : 0;
}

bool Broker::Impl::IsRepeat(const std::optional<MessageIdWindow>& seen,
                            const storage::Message& message) const {
  return seen && message.properties && !message.properties->message_id.empty() &&
         seen->Contains(message.properties->message_id, now_ms_);
}

int64_t Broker::Impl::Remember(std::optional<MessageIdWindow>& seen, const storage::Message& message,
                               bool durable, storage::MessageIdSeen record) {
  if (!seen || !message.properties || message.properties->message_id.empty()) return 0;
  record.message_id = message.properties->message_id;
  if (!seen->Add(record.message_id, now_ms_, &record.until_ms)) return 0;
  const int64_t until_ms = record.until_ms;
  if (durable && message.persistent) ledger_.Append(std::move(record));
  return until_ms;
}

bool Broker::Impl::MarkSeen(Exchange& exchange, const storage::Message& message) {
  const int64_t until_ms =
      Remember(exchange.seen, message, exchange.declared.durable, {.exchange = exchange.id});
  if (until_ms == 0) return false;
  timers_.GoOffBy(exchange.timer, TimerKind::kExchange, exchange.id.value, until_ms);
  return exchange.declared.durable;
}

bool Broker::Impl::MarkSeen(Queue& queue, const storage::Message& message) {
  const int64_t until_ms = Remember(queue.seen, message, queue.durable(), {.queue = queue.id});
  if (until_ms == 0) return false;
  timers_.GoOffBy(queue.timer, TimerKind::kQueue, queue.id.value, until_ms);
  return queue.durable();
}

absl::Status Broker::Impl::QueueFull(const Queue& queue, uint64_t extra_messages) const {
  const Subject subject{"queue", queue.name, queue.virtual_host.name};
  const storage::QueueOptions& options = queue.options();
  const bool by_count =
      options.max_length != 0 && queue.ready_count() + extra_messages > options.max_length;
  const absl::Status error = Error(
      absl::StatusCode::kResourceExhausted, "QUEUE_FULL", subject,
      absl::StrCat(Describe(subject), ": ",
                   by_count ? absl::StrCat("max_length ", options.max_length)
                            : absl::StrCat("max_length_bytes ", options.max_length_bytes),
                   " reached, overflow is ",
                   options.overflow == storage::OverflowPolicy::kRejectPublishDlx
                       ? "reject_publish_dlx"
                       : "reject_publish",
                   "; consume, or publish more slowly"));
  return WithMetadata(error, "limit", by_count ? "max_length" : "max_length_bytes");
}

Broker::Impl::Admission Broker::Impl::Admit(const std::vector<Queue*>& routed,
                                            const storage::MessagePtr& message,
                                            int64_t due_at_ms) {
  Admission admission;
  admission.queues.reserve(routed.size());
  for (Queue* queue : routed) {
    // What it has taken before it has taken, full or not.
    if (IsRepeat(queue->seen, *message)) continue;
    // A delayed message has been confirmed long before it is due, so it is never refused.
    const bool refusable =
        due_at_ms == 0 && queue->options().overflow != storage::OverflowPolicy::kDropHead;
    if (refusable && queue->IsOver(1, message->body.size())) {
      if (admission.refusal.ok()) admission.refusal = QueueFull(*queue, 1);
      if (queue->options().overflow == storage::OverflowPolicy::kRejectPublishDlx) {
        DeadLetter(*queue, *message, storage::DeathReason::kMaxlen);
      }
    } else {
      admission.queues.push_back(queue);
    }
  }
  return admission;
}

void Broker::Impl::SetContent(QueuedMessage& queued, storage::MessagePtr message) {
  queued.memory_bytes = static_cast<uint32_t>(storage::MemoryOf(*message));
  queued.body_bytes = static_cast<uint32_t>(message->body.size());
  queued.message = std::move(message);
  usage_.memory_bytes += sizeof(QueuedMessage) + queued.memory_bytes;
}

Entry* Broker::Impl::MakeEntry(QueuedMessage& message, const Queue& queue, int64_t due_at_ms) {
  Entry* entry = entries_.New();
  usage_.memory_bytes += sizeof(Entry);
  entry->message = &message;
  ++message.entries;
  entry->position = message.id.value;
  entry->due_at_ms = due_at_ms;
  entry->priority = std::min(message.message->priority, queue.declared.max_priority);
  entry->durable = queue.durable() && message.message->persistent;
  std::optional<int64_t> ttl_ms = queue.options().message_ttl_ms;
  if (message.message->expiration_ms) {
    ttl_ms = std::min(ttl_ms.value_or(*message.message->expiration_ms),
                      *message.message->expiration_ms);
  }
  if (ttl_ms) entry->expires_at_ms = std::max(now_ms_, due_at_ms) + *ttl_ms;
  return entry;
}

void Broker::Impl::NoteResent(Queue& queue, storage::MessageId id) {
  queue.delivered_up_to = std::max(queue.delivered_up_to, id.value);
  // Of a queue that is served a crash flags everything, and its end is written when it comes.
  if (queue.serving != Serving::kNo) return;
  ledger_.Append(storage::QueueServing{queue.id, false, {queue.delivered_up_to}});
}

void Broker::Impl::Enqueue(storage::MessagePtr message, const std::vector<Queue*>& queues,
                           Arrival arrival, Ledger::Confirm confirm, Join join) {
  WARREN_CHECK(!queues.empty());
  usage_.enqueued_total += queues.size();
  QueuedMessage& queued = *messages_.New();
  queued.id = {NextId()};
  SetContent(queued, std::move(message));

  std::vector<Entry*> entries;
  entries.reserve(queues.size());
  std::vector<storage::EntryFacts> facts;
  for (Queue* queue : queues) {
    ++queue->tally.published;
    if (MarkSeen(*queue, *queued.message)) confirm.recognised = true;
    entries.push_back(MakeEntry(queued, *queue, arrival.due_at_ms));
    entries.back()->redelivered = arrival.resent;
    if (arrival.resent && entries.back()->durable) NoteResent(*queue, queued.id);
    if (entries.back()->durable) facts.push_back(FactsOf(*queue, *entries.back()));
  }
  const bool soon = arrival.due_at_ms <= now_ms_ && std::any_of(queues.begin(), queues.end(),
                                                        [this](Queue* q) { return WantsSoon(*q); });
  if (!soon && IsShortOfMemory()) SendAway(queued);
  // The record first: what follows may settle the message, and so strike it out.
  if (!facts.empty()) {
    ledger_.Publish(queued, std::move(facts), confirm);
  } else if (confirm.publisher) {
    Confirm(confirm.publisher, confirm.sequence, confirm.sequence, Outcome::kAccepted);
  }
  for (size_t i = 0; i < queues.size(); ++i) {
    if (join == Join::kNow) {
      JoinQueue(*queues[i], *entries[i]);
    } else {
      ++usage_.held_messages;
      queues[i]->AddHeld(*entries[i]);
      ledger_.Wait(ReleaseHeld{queues[i]->id, 1});
    }
  }
}

}  // namespace warren::core
