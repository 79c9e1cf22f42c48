// What all records so far add up to: the state that a journal gives back at recovery.
//
// The meaning of every record kind stands here, and only here, in code: the memory journal is this
// class, the durable ones are tested against it, and property tests of the broker compare
// recovered with expected state through it.
//
// Thread safety: thread-compatible. A copy is independent (messages are shared, and immutable).
//
// Invariants:
// 1. Apply of a whole batch twice in a row equals applying it once, so that a journal may repeat a
//    batch whose outcome it doesn't know.
// 2. A record about something that isn't there changes nothing.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "storage/journal.h"
#include "storage/record.h"

namespace warren::storage {

// How a record changes the message it is about. Shared by all who fold records.
void RemoveEntry(MessagePublished& message, QueueId queue);
void UpdateEntry(MessagePublished& message, const EntryFacts& facts);

class LiveState {
 public:
  void Apply(const Record& record);
  void Apply(const Batch& batch);

  // Yields the state in the order that Journal::Recover promises; kinds without an id come in the
  // order of their names. An error of the sink ends it and is returned.
  absl::Status Emit(const RecordSink& sink) const;

 private:
  // (exchange, queue): the owner of a deduplication window, one of the two set.
  using WindowOwner = std::pair<ExchangeId, QueueId>;

  void On(const IdsReserved& record);
  void On(const VirtualHostDeclared& record);
  void On(const VirtualHostDeleted& record);
  void On(const ExchangeDeclared& record);
  void On(const ExchangeDeleted& record);
  void On(const QueueDeclared& record);
  void On(const QueueDeleted& record);
  void On(const BindingAdded& record);
  void On(const BindingRemoved& record);
  void On(const QueueServing& record);
  void On(const MessagePublished& record);
  void On(const EntryRemoved& record);
  void On(const EntryUpdated& record);
  void On(const ProducerAdvanced& record);
  void On(const ProducerForgotten& record);
  void On(const MessageIdSeen& record);
  void On(const MessageIdForgotten& record);
  void On(const UserPut& record);
  void On(const UserDeleted& record);
  void On(const PolicyPut& record);
  void On(const PolicyDeleted& record);

  std::optional<IdsReserved> ids_;
  std::map<std::string, VirtualHostDeclared> virtual_hosts_;
  std::map<ExchangeId, ExchangeDeclared> exchanges_;
  std::map<QueueId, QueueDeclared> queues_;
  std::map<BindingId, BindingAdded> bindings_;
  std::map<QueueId, QueueServing> serving_;
  std::map<std::pair<std::string, std::string>, ProducerAdvanced> producers_;
  std::map<WindowOwner, std::map<std::string, MessageIdSeen>> seen_;
  std::map<std::string, UserPut> users_;
  std::map<std::pair<std::string, std::string>, PolicyPut> policies_;
  std::map<MessageId, MessagePublished> messages_;
};

}  // namespace warren::storage
