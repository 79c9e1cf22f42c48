#include "server/core/ledger.h"

#include <iterator>
#include <utility>

#include "server/base/check.h"

namespace warren::core {
namespace {

// Joins runs of sequences, since publishers send long ones.
void AddConfirm(std::vector<Waiting>& to, PublisherId publisher, uint64_t sequence) {
  if (!to.empty()) {
    if (auto* effect = std::get_if<Effect>(&to.back())) {
      auto* last = std::get_if<Confirmed>(effect);
      if (last != nullptr && last->publisher == publisher && last->outcome == Outcome::kAccepted &&
          last->last_sequence + 1 == sequence) {
        last->last_sequence = sequence;
        return;
      }
    }
  }
  to.push_back(Effect(Confirmed{.publisher = publisher,
                                .first_sequence = sequence,
                                .last_sequence = sequence,
                                .outcome = Outcome::kAccepted,
                                .error = {}}));
}

void MoveAll(std::vector<Waiting>& from, std::vector<Waiting>& to) {
  if (to.empty()) {
    to.swap(from);
    return;
  }
  to.insert(to.end(), std::move_iterator(from.begin()), std::move_iterator(from.end()));
  from.clear();
}

}  // namespace

void Ledger::Append(storage::Record record) {
  records_.push_back(std::move(record));
  ++live_;
}

void Ledger::Publish(QueuedMessage& message, std::vector<storage::EntryFacts> entries,
                     Confirm confirm) {
  message.open_lsn = open_lsn_;
  message.open_slot = static_cast<uint32_t>(messages_.size());
  message.durable_entries = static_cast<uint32_t>(entries.size());
  messages_.push_back(
      {.record = {message.id, message.message, std::move(entries)}, .confirm = confirm});
  ++live_;
  ++live_messages_;
  live_bytes_ += message.body_bytes;
}

void Ledger::RemoveEntry(QueuedMessage& message, storage::QueueId queue, Left left) {
  WARREN_CHECK(message.durable_entries > 0);
  --message.durable_entries;
  if (!IsOpen(message)) {
    Append(storage::EntryRemoved{message.id, queue, message.durable_entries == 0});
    return;
  }
  PendingMessage& pending = messages_[message.open_slot];
  pending.elsewhere |= left == Left::kElsewhere;
  std::erase_if(pending.record.entries,
                [queue](const storage::EntryFacts& facts) { return facts.queue == queue; });
  if (!pending.record.entries.empty()) return;
  live_bytes_ -= message.body_bytes;
  --live_messages_;
  --live_;
  pending.record.message = nullptr;
  const Confirm& confirm = pending.confirm;
  if (!confirm.publisher) return;
  const bool waits = pending.elsewhere || confirm.recognised;
  AddConfirm(waits ? waiting_ : released_, confirm.publisher, confirm.sequence);
}

void Ledger::UpdateEntry(const QueuedMessage& message, storage::EntryFacts facts) {
  if (!IsOpen(message)) {
    Append(storage::EntryUpdated{message.id, facts});
    return;
  }
  for (storage::EntryFacts& entry : messages_[message.open_slot].record.entries) {
    if (entry.queue == facts.queue) entry = facts;
  }
}

void Ledger::AdvanceProducer(Producer& producer, int64_t now_ms) {
  if (producer.advanced_lsn != open_lsn_) {
    producer.advanced_lsn = open_lsn_;
    producer.advanced_slot = static_cast<uint32_t>(records_.size());
    advanced_.push_back(&producer);
    Append(storage::ProducerAdvanced{.virtual_host = producer.virtual_host,
                                     .producer_id = producer.id,
                                     .refused = {}});
  }
  auto& record = std::get<storage::ProducerAdvanced>(records_[producer.advanced_slot]);
  record.last_sequence = producer.last_sequence;
  record.at_ms = now_ms;
}

void Ledger::ForgetProducer(const Producer& producer) {
  std::erase(advanced_, &producer);
  Append(storage::ProducerForgotten{producer.virtual_host, producer.id});
}

void Ledger::Wait(Waiting waiting) { waiting_.push_back(std::move(waiting)); }

void Ledger::EndStep() {
  if (live_ > 0) return;
  messages_.clear();  // all struck out
  if (waiting_.empty()) return;
  MoveAll(waiting_, in_flight_.empty() ? released_ : in_flight_.back().waiting);
}

std::vector<Waiting> Ledger::TakeReleased() { return std::exchange(released_, {}); }

storage::Batch Ledger::Take() {
  WARREN_CHECK(HasPending());
  for (const Producer* producer : advanced_) {
    std::get<storage::ProducerAdvanced>(records_[producer->advanced_slot]).refused =
        producer->refused.Runs();
  }
  advanced_.clear();
  storage::Batch batch{.lsn = open_lsn_,
                       .records = std::move(records_),
                       .messages = live_messages_,
                       .bytes = live_bytes_};
  batch.records.reserve(live_);
  InFlight in_flight{.lsn = open_lsn_, .waiting = std::move(waiting_)};
  for (PendingMessage& pending : messages_) {
    if (!pending.record.message) continue;
    const Confirm& confirm = pending.confirm;
    if (confirm.publisher) AddConfirm(in_flight.waiting, confirm.publisher, confirm.sequence);
    batch.records.push_back(std::move(pending.record));
  }
  in_flight_.push_back(std::move(in_flight));
  messages_.clear();
  records_ = {};
  waiting_ = {};
  live_ = 0;
  live_messages_ = 0;
  live_bytes_ = 0;
  ++open_lsn_.value;
  return batch;
}

void Ledger::Durable(storage::Lsn lsn) {
  while (!in_flight_.empty() && in_flight_.front().lsn <= lsn) {
    MoveAll(in_flight_.front().waiting, released_);
    in_flight_.pop_front();
  }
}

}  // namespace warren::core
