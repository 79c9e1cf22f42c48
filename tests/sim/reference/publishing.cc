// Publishers, and a message's way into queues.
#include <algorithm>
#include <utility>

#include "server/base/error.h"
#include "tests/sim/reference/reference.h"
#include "tests/sim/reference/routing.h"

namespace warren::sim {
namespace {

const std::string& MessageId(const storage::Message& message) {
  static const std::string kNone;
  return message.properties ? message.properties->message_id : kNone;
}

}  // namespace

void Reference::Handle(const core::OpenPublisher& c) {
  uint64_t last = 0;
  if (!c.producer_id.empty()) {
    Producer& producer = producers_[c.producer_id];
    last = state_.sequences[c.producer_id];
    if (c.takes_over) {
      if (publishers_.contains(producer.owner)) {
        Emit(core::PublisherClosed{producer.owner,
                                   Fail(absl::StatusCode::kAborted, "PRODUCER_TAKEN_OVER")});
        RemovePublisher(producer.owner);
      }
      producer.owner = c.publisher;
    }
    RestOn(producer.advanced_lsn);
  }
  publishers_[c.publisher] = c.producer_id;
  Wait(Answer::kOpened, c.publisher.value, [this, id = c.publisher, last] {
    Emit(core::PublisherOpened{.publisher = id, .last_sequence = last});
  });
}

void Reference::Handle(const core::ClosePublisher& c) { RemovePublisher(c.publisher); }

void Reference::RemovePublisher(core::PublisherId id) {
  const auto it = publishers_.find(id);
  if (it == publishers_.end()) return;
  if (!it->second.empty() && producers_[it->second].owner == id) producers_[it->second].owner = {};
  publishers_.erase(it);
  std::erase_if(confirms_, [id](const auto& c) { return c.first.publisher == id; });
  std::erase_if(waiting_, [id](const Waiting& w) {
    return w.answer == Answer::kOpened && w.id == id.value;
  });
}

void Reference::Handle(const core::Publish& c) {
  const auto it = publishers_.find(c.publisher);
  if (it == publishers_.end()) return;
  uint64_t sequence = c.first_sequence;
  for (const core::Publication& publication : c.publications) {
    PublishOne({c.publisher, sequence++}, it->second, publication);
  }
}

void Reference::Refuse(Origin origin, const std::string& producer, std::string error) {
  if (!producer.empty()) state_.refused[producer].insert(origin.sequence);
  ExpectConfirm(origin, core::Outcome::kRejected, /*at_once=*/true, std::move(error));
}

absl::Status Reference::CheckTarget(const storage::Message& message) {
  if (message.exchange.empty()) return absl::OkStatus();
  const ReferenceExchange* exchange = state_.FindExchange(message.exchange.view());
  if (exchange == nullptr) return Fail(absl::StatusCode::kNotFound, "EXCHANGE_NOT_FOUND");
  if (exchange->options.internal) {
    return Fail(absl::StatusCode::kPermissionDenied, "EXCHANGE_INTERNAL");
  }
  return absl::OkStatus();
}

std::vector<uint64_t> Reference::RouteNow(const storage::Message& message) {
  std::vector<uint64_t> queues;
  for (const std::string& name : Route(state_.exchanges, state_.bindings, message.exchange.str(),
                                       message.routing_key.str(), message.headers())) {
    if (const ReferenceQueue* queue = state_.FindQueue(name)) queues.push_back(queue->number);
  }
  return queues;
}

int64_t Reference::DueAt(const core::Publication& publication) {
  if (publication.deliver_at_ms > 0) {
    return publication.deliver_at_ms > now_ms_ ? publication.deliver_at_ms : 0;
  }
  int64_t delay_ms = publication.delay_ms;
  const ReferenceExchange* exchange = state_.FindExchange(publication.message->exchange.view());
  if (delay_ms == 0 && exchange != nullptr && exchange->options.delayed) {
    const storage::Value* header =
        storage::FindHeader(publication.message->headers(), "x-delay");
    if (header != nullptr) delay_ms = std::get<int64_t>(header->data);
  }
  return delay_ms > 0 ? now_ms_ + delay_ms : 0;
}

bool Reference::IsRepeat(const std::map<std::string, SeenUntil>& seen,
                         const storage::Message& message) const {
  const auto it = seen.find(MessageId(message));
  return !MessageId(message).empty() && it != seen.end() && it->second.until_ms > now_ms_;
}

bool Reference::MarkSeen(ReferenceExchange& exchange, const storage::Message& message) {
  const int64_t window_ms = exchange.options.deduplication_window_ms;
  if (window_ms == 0 || MessageId(message).empty()) return false;
  const bool durable = exchange.options.durable && message.persistent;
  exchange.seen[MessageId(message)] = {now_ms_ + window_ms, durable};
  return durable;
}

bool Reference::MarkSeen(ReferenceQueue& queue, const storage::Message& message) {
  const int64_t window_ms = queue.options.deduplication_window_ms;
  if (window_ms == 0 || MessageId(message).empty()) return false;
  const bool durable = queue.durable() && message.persistent;
  queue.seen[MessageId(message)] = {now_ms_ + window_ms, durable};
  return durable;
}

void Reference::PublishOne(Origin origin, const std::string& producer,
                           const core::Publication& publication) {
  const auto repeated = [&] {
    ExpectConfirm(origin, core::Outcome::kDuplicate, /*at_once=*/false);
  };
  const bool used = !producer.empty() && origin.sequence <= state_.sequences[producer];
  const bool was_refused = used && state_.refused[producer].contains(origin.sequence);
  if (used && !was_refused) return repeated();
  if (!publication.refused.ok()) {
    return Refuse(origin, producer, ErrorInfoOf(publication.refused).reason);
  }
  if (was_refused) return Refuse(origin, producer, "SEQUENCE_REFUSED");
  if (!producer.empty()) {
    state_.sequences[producer] = origin.sequence;
    state_.refused[producer].erase(origin.sequence);
    producers_[producer].advanced_lsn = open_lsn_;
  }
  const storage::Message& message = *publication.message;
  if (const absl::Status status = CheckTarget(message); !status.ok()) {
    return Refuse(origin, producer, ErrorInfoOf(status).reason);
  }
  ReferenceExchange* exchange = state_.FindExchange(message.exchange.view());
  if (exchange != nullptr && IsRepeat(exchange->seen, message)) return repeated();
  const std::vector<uint64_t> routed = RouteNow(message);
  if (routed.empty()) {
    return ExpectConfirm(origin, publication.mandatory ? core::Outcome::kUnroutable
                                                       : core::Outcome::kAccepted,
                         /*at_once=*/true);
  }
  const Arrival arrival{DueAt(publication), publication.resent};
  bool refused = false;
  const std::vector<uint64_t> queues =
      Admit(routed, publication.message, arrival.due_at_ms, {}, nullptr, &refused);
  if (refused) {
    Refuse(origin, producer, "QUEUE_FULL");
    if (!queues.empty()) Enqueue(publication.message, queues, arrival, {}, nullptr, false);
    return;
  }
  if (queues.empty()) return repeated();
  const bool seen = exchange != nullptr && MarkSeen(*exchange, message);
  const bool durable = message.persistent &&
                       std::any_of(queues.begin(), queues.end(), [this](uint64_t number) {
                         return state_.queues.at(number).durable();
                       });
  ExpectConfirm(origin, core::Outcome::kAccepted, /*at_once=*/!durable);
  if (seen || !producer.empty()) confirms_[origin].needs_lsn = open_lsn_;
  Enqueue(publication.message, queues, arrival, origin, nullptr, false);
}

std::vector<uint64_t> Reference::Admit(const std::vector<uint64_t>& routed,
                                       const storage::MessagePtr& message, int64_t due_at_ms,
                                       Origin origin,
                                       const std::shared_ptr<const Life>& dead_letter_of,
                                       bool* refused) {
  std::vector<uint64_t> admitted;
  for (const uint64_t number : routed) {
    const ReferenceQueue& queue = state_.queues.at(number);
    if (IsRepeat(queue.seen, *message)) continue;
    const bool refusable =
        due_at_ms == 0 && queue.options.overflow != storage::OverflowPolicy::kDropHead;
    if (!refusable || !queue.IsOver(1, message->body.size())) {
      admitted.push_back(number);
      continue;
    }
    *refused = true;
    if (queue.options.overflow == storage::OverflowPolicy::kRejectPublishDlx) {
      SendDeadLetter(queue, *message, storage::DeathReason::kMaxlen, origin, dead_letter_of);
    }
  }
  return admitted;
}

std::vector<Reference::Held> Reference::Enqueue(const storage::MessagePtr& message,
                                                const std::vector<uint64_t>& queues,
                                                Arrival arrival, Origin origin,
                                                std::shared_ptr<const Life> dead_letter_of,
                                                bool held) {
  const uint64_t position = state_.next_number++;
  std::vector<Held> made;
  for (const uint64_t number : queues) {
    ReferenceQueue& queue = state_.queues.at(number);
    const bool seen = MarkSeen(queue, *message);
    if (seen && !message->deaths && confirms_.contains(origin)) {
      confirms_[origin].needs_lsn = open_lsn_;
    }
    Copy copy{.number = state_.next_number++, .message = message, .origin = origin};
    copy.life = std::make_shared<Life>(
        Life{.born_lsn = open_lsn_,
             .durable = queue.durable() && message->persistent,
             .dead_letter_of = dead_letter_of});
    copy.place = core::EntryPlace::kHeld;
    copy.position = copy.published = position;
    copy.priority = std::min(message->priority, queue.options.max_priority);
    std::optional<int64_t> ttl_ms = queue.options.message_ttl_ms;
    if (message->expiration_ms) {
      ttl_ms = std::min(ttl_ms.value_or(*message->expiration_ms), *message->expiration_ms);
    }
    if (ttl_ms) copy.expires_at_ms = std::max(now_ms_, arrival.due_at_ms) + *ttl_ms;
    copy.due_at_ms = arrival.due_at_ms;
    copy.told_expires_at_ms = copy.expires_at_ms;
    copy.told_due_at_ms = arrival.due_at_ms;
    copy.redelivered = arrival.resent;
    if (arrival.resent) {
      // As if an earlier broker had delivered it: the flag is to outlast crashes.
      handed_out_.insert(copy.number);
      consumed_.insert(number);
    }
    if (copy.life->durable) RestOn(open_lsn_);
    made.push_back({number, copy.number});
    queue.copies.push_back(std::move(copy));
  }
  if (!held) {
    for (const Held& copy : made) Join(copy);
  }
  return made;
}

}  // namespace warren::sim
