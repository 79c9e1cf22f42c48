#include "storage/live_state.h"

#include <algorithm>
#include <variant>

namespace warren::storage {
namespace {

// Yields the values of a map in the order of its keys.
template <typename Map>
absl::Status EmitAll(const Map& map, const RecordSink& sink) {
  for (const auto& [key, record] : map) {
    if (absl::Status status = sink(record); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

void RemoveEntry(MessagePublished& message, QueueId queue) {
  std::erase_if(message.entries, [queue](const EntryFacts& e) { return e.queue == queue; });
}

void UpdateEntry(MessagePublished& message, const EntryFacts& facts) {
  const auto entry = std::find_if(message.entries.begin(), message.entries.end(),
                                  [&facts](const EntryFacts& e) { return e.queue == facts.queue; });
  if (entry != message.entries.end()) *entry = facts;
}

void LiveState::Apply(const Record& record) {
  std::visit([this](const auto& kind) { On(kind); }, record);
}

void LiveState::Apply(const Batch& batch) {
  for (const Record& record : batch.records) Apply(record);
}

void LiveState::On(const IdsReserved& record) { ids_ = record; }

void LiveState::On(const VirtualHostDeclared& record) { virtual_hosts_[record.name] = record; }

void LiveState::On(const VirtualHostDeleted& record) {
  virtual_hosts_.erase(record.name);
}

void LiveState::On(const ExchangeDeclared& record) { exchanges_[record.id] = record; }

void LiveState::On(const ExchangeDeleted& record) {
  exchanges_.erase(record.id);
  seen_.erase({record.id, QueueId{}});
}

void LiveState::On(const QueueDeclared& record) { queues_[record.id] = record; }

void LiveState::On(const QueueDeleted& record) {
  queues_.erase(record.id);
  serving_.erase(record.id);
  seen_.erase({ExchangeId{}, record.id});
}

void LiveState::On(const BindingAdded& record) { bindings_[record.id] = record; }

void LiveState::On(const BindingRemoved& record) { bindings_.erase(record.id); }

void LiveState::On(const QueueServing& record) { serving_[record.queue] = record; }

void LiveState::On(const MessagePublished& record) { messages_[record.id] = record; }

void LiveState::On(const EntryRemoved& record) {
  const auto message = messages_.find(record.message);
  if (message == messages_.end()) return;
  RemoveEntry(message->second, record.queue);
  if (record.last || message->second.entries.empty()) messages_.erase(message);
}

void LiveState::On(const EntryUpdated& record) {
  const auto message = messages_.find(record.message);
  if (message != messages_.end()) UpdateEntry(message->second, record.facts);
}

void LiveState::On(const ProducerAdvanced& record) {
  producers_[{record.virtual_host, record.producer_id}] = record;
}

void LiveState::On(const ProducerForgotten& record) {
  producers_.erase({record.virtual_host, record.producer_id});
}

void LiveState::On(const MessageIdSeen& record) {
  seen_[{record.exchange, record.queue}][record.message_id] = record;
}

void LiveState::On(const MessageIdForgotten& record) {
  const auto window = seen_.find({record.exchange, record.queue});
  if (window == seen_.end()) return;
  window->second.erase(record.message_id);
  if (window->second.empty()) seen_.erase(window);
}

void LiveState::On(const UserPut& record) { users_[record.user.name] = record; }

void LiveState::On(const UserDeleted& record) { users_.erase(record.name); }

void LiveState::On(const PolicyPut& record) {
  policies_[{record.policy.virtual_host, record.policy.name}] = record;
}

void LiveState::On(const PolicyDeleted& record) {
  policies_.erase({record.virtual_host, record.name});
}

absl::Status LiveState::Emit(const RecordSink& sink) const {
  if (ids_) {
    if (absl::Status status = sink(*ids_); !status.ok()) return status;
  }
  absl::Status status = EmitAll(virtual_hosts_, sink);
  if (status.ok()) status = EmitAll(exchanges_, sink);
  if (status.ok()) status = EmitAll(queues_, sink);
  if (status.ok()) status = EmitAll(bindings_, sink);
  if (status.ok()) status = EmitAll(serving_, sink);
  if (status.ok()) status = EmitAll(producers_, sink);
  for (auto window = seen_.begin(); status.ok() && window != seen_.end(); ++window) {
    status = EmitAll(window->second, sink);
  }
  if (status.ok()) status = EmitAll(users_, sink);
  if (status.ok()) status = EmitAll(policies_, sink);
  if (status.ok()) status = EmitAll(messages_, sink);
  return status;
}

}  // namespace warren::storage
