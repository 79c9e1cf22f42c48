#include "tests/fuzz/core/command_maker.h"

#include <utility>

namespace warren::core {

std::vector<Command> CommandMaker::Prologue() {
  std::vector<Command> commands;
  for (const char* name : {"a", "b", "c"}) {
    commands.push_back(DeclareQueue{NewRequest(), "/", name, QueueOptions()});
    core::BindingSpec binding{.source = "amq.topic", .destination = name, .key = "#"};
    commands.push_back(Bind{NewRequest(), "/", std::move(binding)});
  }
  commands.push_back(OpenPublisher{NewPublisher(), "/", "", false});
  commands.push_back(Subscribe());
  commands.push_back(Subscribe());
  return commands;
}

Command CommandMaker::Next() {
  switch (in_.Below(4)) {
    case 0: return Topology();
    case 1: return Publishing();
    default: return Consuming();
  }
}

Command CommandMaker::Topology() {
  const RequestId request = NewRequest();
  switch (in_.Below(18)) {
    case 10: return DeleteVirtualHost{request, HostName()};
    case 11: return PutUser{request, Name(), Key(), {Name()}, {Name()}};
    case 12: return DeleteUser{request, Name()};
    case 13: return SetPermissions{request, Name(), {HostName(), Key(), Key(), Key()}};
    case 17: return SetVirtualHostLimits{request, HostName(), HostLimits()};
    case 14: return ClearPermissions{request, Name(), HostName()};
    case 15:
      return PutPolicy{request,
                       {.virtual_host = HostName(),
                        .name = Name(),
                        .pattern = in_.Coin() ? ".*" : Name(),
                        .priority = static_cast<int32_t>(in_.Below(3)),
                        .queue = QueueOptions(),
                        .alternate_exchange = Name()}};
    case 16: return DeletePolicy{request, HostName(), Name()};
    case 0: return DeclareVirtualHost{request, HostName()};
    case 1: {
      DeclareExchange declare{request, HostName(), Name(), {}};
      if (!in_.OneIn(8)) declare.options = ExchangeOptions();
      return declare;
    }
    case 2: return DeleteExchange{request, HostName(), Name(), in_.Coin()};
    case 3: {
      DeclareQueue declare{request, HostName(), Name(), {}};
      if (!in_.OneIn(8)) declare.options = QueueOptions();
      return declare;
    }
    case 4: return DeleteQueue{request, HostName(), Name(), in_.Coin(), in_.Coin()};
    case 5: return PurgeQueue{request, HostName(), Name()};
    case 7: return MoveMessages{request, HostName(), Name(), Name(),
                                static_cast<uint32_t>(in_.Below(20))};
    case 8: {
      CancelScheduledMessages cancel{request, HostName(), Name(), {}, {}, in_.OneIn(4)};
      for (uint64_t i = in_.Below(3); i > 0; --i) cancel.ids.push_back({in_.Below(64)});
      for (uint64_t i = in_.Below(3); i > 0; --i) cancel.message_ids.push_back(Name());
      return cancel;
    }
    case 6: return Bind{request, HostName(), BindingSpec()};
    default: return Unbind{request, HostName(), BindingSpec()};
  }
}

Command CommandMaker::Publishing() {
  switch (in_.Below(8)) {
    case 0:
    case 1: return OpenPublisher{NewPublisher(), HostName(), Name(), in_.Coin()};
    case 2: return ClosePublisher{OneOf(publishers_)};
    case 3: {
      Commit commit{NewRequest(), HostName(), Name(), Sequence(), Publications(), {}};
      for (uint64_t i = in_.Below(3); i > 0; --i) {
        commit.settlements.push_back({Name(), Settlement()});
      }
      return commit;
    }
    default: return Publish{OneOf(publishers_), Sequence(), Publications()};
  }
}

Command CommandMaker::Consuming() {
  switch (in_.Below(12)) {
    case 0:
    case 1:
    case 2: return Subscribe();
    case 3:
    case 4:
    case 5: return Settle{OneOf(consumers_), in_.Below(3), Settlements()};
    case 6: return HandedOver{OneOf(consumers_), {in_.Below(8)}};
    case 7: return SetPrefetch{OneOf(consumers_), Prefetch()};
    case 8:
      if (in_.Coin()) return DrainConsumer{OneOf(consumers_)};
      return CloseConsumer{OneOf(consumers_)};
    case 9:
    case 10:
      return Get{.request = NewRequest(),
                 .virtual_host = HostName(),
                 .queue = Name(),
                 .max_messages = static_cast<uint32_t>(1 + in_.Below(5)),
                 .auto_ack = in_.Coin(),
                 .lease_ms = 1 + Ms()};
    default: return Ack{NewRequest(), HostName(), Name(), Settlements()};
  }
}

Subscribe CommandMaker::Subscribe() {
  core::Subscribe subscribe{.consumer = NewConsumer(),
                            .virtual_host = HostName(),
                            .queue = Name(),
                            .consumer_name = Name(),
                            .prefetch = Prefetch(),
                            .auto_ack = in_.OneIn(4),
                            .exclusive = in_.OneIn(8),
                            .declare = {},
                            .bindings = {}};
  if (!in_.OneIn(4)) return subscribe;
  subscribe.declare = QueueOptions();
  for (uint64_t i = in_.Below(3); i > 0; --i) {
    subscribe.bindings.push_back(BindingSpec());
    subscribe.bindings.back().destination_kind = DestinationKind::kQueue;
    subscribe.bindings.back().destination = subscribe.queue;
  }
  return subscribe;
}

BindingSpec CommandMaker::BindingSpec() {
  return {.source = Name(),
          .destination_kind = in_.Enumerator(DestinationKind::kQueue, DestinationKind::kExchange),
          .destination = Name(),
          .key = Key(),
          .arguments = in_.OneIn(3) ? Headers() : storage::Headers()};
}

Publication CommandMaker::Publication() {
  core::Publication publication{.message = Message(), .mandatory = in_.OneIn(8)};
  publication.resent = in_.OneIn(8);
  if (in_.OneIn(8)) publication.delay_ms = Ms();
  if (publication.delay_ms == 0 && in_.OneIn(8)) publication.deliver_at_ms = Ms();
  if (in_.OneIn(16)) {
    publication.refused = absl::InvalidArgumentError("refused by the edge");
    publication.message = nullptr;
  }
  return publication;
}

std::vector<Publication> CommandMaker::Publications() {
  std::vector<core::Publication> publications;
  for (uint64_t i = in_.Below(4); i > 0; --i) publications.push_back(Publication());
  return publications;
}

Settlement CommandMaker::Settlement() {
  core::Settlement settlement{.tags = {},
                              .up_to = {in_.Below(8)},
                              .outcome = in_.Enumerator(SettleOutcome::kAck, SettleOutcome::kRetry),
                              .retry_delay_ms = {}};
  for (uint64_t i = in_.Below(4); i > 0; --i) settlement.tags.push_back({in_.Below(16)});
  if (settlement.outcome == SettleOutcome::kRetry) settlement.retry_delay_ms = MaybeMs();
  return settlement;
}

std::vector<Settlement> CommandMaker::Settlements() {
  std::vector<core::Settlement> settlements;
  for (uint64_t i = in_.Below(3); i > 0; --i) settlements.push_back(Settlement());
  return settlements;
}

Prefetch CommandMaker::Prefetch() {
  return {.messages = static_cast<uint32_t>(1 + in_.Below(5)), .bytes = 1 + Limit()};
}

}  // namespace warren::core
