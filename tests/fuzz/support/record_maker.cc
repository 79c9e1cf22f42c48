#include "tests/fuzz/support/record_maker.h"

#include <utility>

namespace warren::fuzz {

using namespace storage;  // all kinds of records

EntryFacts RecordMaker::Facts() {
  return {.queue = {Id()},
          .expires_at_ms = in_.OneIn(3) ? Ms() : 0,
          .due_at_ms = in_.OneIn(3) ? Ms() : 0,
          .delivery_count = static_cast<uint32_t>(Limit())};
}

uint64_t RecordMaker::OneOfDeclared(const std::vector<uint64_t>& ids) {
  return ids.empty() || in_.OneIn(16) ? Id() : ids[in_.Below(ids.size())];
}

storage::Record RecordMaker::SoundExchange() {
  exchanges_.push_back(++last_id_);
  ExchangeDeclared declared{{last_id_}, HostName(), Name(), ExchangeOptions()};
  declared.options.durable = true;
  return declared;
}

storage::Record RecordMaker::SoundQueue() {
  queues_.push_back(++last_id_);
  QueueDeclared declared{{last_id_}, HostName(), Name(), QueueOptions()};
  declared.options.durable = true;
  declared.options.exclusive = false;
  return declared;
}

storage::Record RecordMaker::SoundBinding() {
  BindingAdded binding{.id = {++last_id_}, .source = {OneOfDeclared(exchanges_)}, .key = Key()};
  if (in_.OneIn(3)) {
    binding.exchange = {OneOfDeclared(exchanges_)};
  } else {
    binding.queue = {OneOfDeclared(queues_)};
  }
  if (in_.OneIn(3)) binding.arguments = Headers();
  return binding;
}

// Now and then with the id of the one before, or twice in a queue.
storage::Record RecordMaker::SoundMessage() {
  if (!in_.OneIn(16)) ++last_id_;
  const auto message = Message();
  message->persistent = true;
  MessagePublished published{{last_id_}, message, {}};
  for (uint64_t i = 1 + in_.Below(3); i > 0; --i) {
    published.entries.push_back(Facts());
    published.entries.back().queue = {OneOfDeclared(queues_)};
  }
  return published;
}

storage::Record RecordMaker::MostlySound(size_t kind) {
  const bool any = in_.OneIn(8);
  SetManner(any ? Manner::kHostile : Manner::kAllowed);
  if (any) return Record(kind);
  switch (kind) {
    case 2: return SoundExchange();
    case 4: return SoundQueue();
    case 6: return SoundBinding();
    case 8: return QueueServing{{OneOfDeclared(queues_)}, in_.Coin(), {Id()}};
    case 9: return SoundMessage();
    case 14: {
      MessageIdSeen seen{{}, {}, Name(), Ms()};
      if (in_.Coin()) {
        seen.exchange = {OneOfDeclared(exchanges_)};
      } else {
        seen.queue = {OneOfDeclared(queues_)};
      }
      return seen;
    }
    default: return Record(kind);
  }
}

// Mostly more than any other id. None just below the most that recovery takes: no broker is there.
uint64_t RecordMaker::IdsBelow() {
  static constexpr uint64_t kOdd[] = {0, 1, 4, uint64_t{1} << 40, ~uint64_t{1}, ~uint64_t{0}};
  return in_.OneIn(16) ? in_.OneOf(kOdd) : 1 << 20;
}

storage::Record RecordMaker::Record(size_t kind) {
  switch (kind) {
    case 0: return IdsReserved{IdsBelow()};
    case 1: return VirtualHostDeclared{HostName(), in_.OneIn(8), HostLimits()};
    case 2: return ExchangeDeclared{{Id()}, HostName(), Name(), ExchangeOptions()};
    case 3: return ExchangeDeleted{{Id()}};
    case 4: return QueueDeclared{{Id()}, HostName(), Name(), QueueOptions()};
    case 5: return QueueDeleted{{Id()}};
    case 6: return BindingAdded{{Id()}, {Id()}, {Id()}, {Id()}, Key(), Headers()};
    case 7: return BindingRemoved{{Id()}};
    case 8: return QueueServing{{Id()}, in_.Coin(), {Id()}};
    case 9: {
      MessagePublished published{{Id()}, Message(), {}};
      for (uint64_t i = 1 + in_.Below(3); i > 0; --i) published.entries.push_back(Facts());
      return published;
    }
    case 10: return EntryRemoved{{Id()}, {Id()}, in_.Coin()};
    case 11: return EntryUpdated{{Id()}, Facts()};
    case 12: return ProducerAdvanced{HostName(), Name(), Limit(), Ms()};
    case 13: return ProducerForgotten{HostName(), Name()};
    case 14: return MessageIdSeen{{Id()}, {Id()}, Name(), Ms()};
    case 15: return MessageIdForgotten{{Id()}, {Id()}, Name()};
    case 16: return VirtualHostDeleted{HostName()};
    case 17: return UserPut{{.name = Name(), .permissions = {{HostName(), Key(), Key(), Key()}}}};
    case 18: return UserDeleted{Name()};
    case 19:
      return PolicyPut{{.virtual_host = HostName(),
                        .name = Name(),
                        .pattern = Key(),
                        .priority = static_cast<int32_t>(Limit()),
                        .queue = {.expires_ms = Ms(), .max_length = Limit()},
                        .alternate_exchange = Name()}};
    default: return PolicyDeleted{HostName(), Name()};
  }
}

}  // namespace warren::fuzz
