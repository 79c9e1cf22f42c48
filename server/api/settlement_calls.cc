// Get, Ack, Commit.
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "server/api/convert/delivery.h"
#include "server/api/convert/limits.h"
#include "server/api/convert/settlement.h"
#include "server/api/handlers.h"
#include "server/api/unary.h"
#include "server/base/error.h"

namespace warren::api {
namespace {

// Leases are of many callers, so "everything up to" one of them would be settled for others, too.
absl::Status CheckOutsideStream(const std::string& consumer, const core::Settlement& settlement) {
  if (settlement.subscription != 0) {
    return InvalidField("subscription", "SETTLEMENT_INVALID",
                        "subscription numbers are known to their Consume stream alone; give the "
                        "consumer's name");
  }
  if (!consumer.empty() || !settlement.up_to) return absl::OkStatus();
  return InvalidField("up_to_delivery_tag", "SETTLEMENT_INVALID",
                      "up_to_delivery_tag needs the consumer's name; leases made by Get are "
                      "settled one by one, in delivery_tags");
}

struct Get {
  using Request = v1::GetRequest;
  using Response = v1::GetResponse;
  static constexpr auto kRequest = &RawBrokerService::RequestGet;
  static constexpr bool kHeld = false;
  static constexpr bool kDelivers = true;

  static absl::StatusOr<core::Command> ToCommand(Api&, Request& request, core::RequestId id) {
    if (absl::Status s = CheckName("virtual_host", request.virtual_host()); !s.ok()) return s;
    if (absl::Status s = CheckRequiredName("queue", request.queue()); !s.ok()) return s;
    if (request.max_messages() > kMaxBatchEntries) {
      return InvalidField("max_messages", "BATCH_INVALID",
                          absl::StrCat("max_messages is ", request.max_messages(), "; at most ",
                                       kMaxBatchEntries, " are allowed"));
    }
    core::Get command{.request = id,
                      .virtual_host = VirtualHostName(request.virtual_host()),
                      .queue = request.queue(),
                      .auto_ack = request.auto_ack()};
    if (request.max_messages() != 0) command.max_messages = request.max_messages();
    if (request.has_lease()) {
      const auto lease = DurationMs("lease", request.lease());
      if (!lease.ok()) return lease.status();
      if (*lease > kMaxLeaseMs) {
        return InvalidField("lease", "DURATION_INVALID",
                            absl::StrCat("lease is ", *lease / 1000, " s; at most 12 h"));
      }
      command.lease_ms = *lease;
    }
    return command;
  }

  static void SetResponse(core::Replied& reply, Response& response) {
    auto* result = std::get_if<core::GetResult>(&reply.result);
    if (result == nullptr) return;
    for (core::Delivery& delivery : result->deliveries) {
      SetDelivery(delivery, response.add_deliveries());
      delivery.message = nullptr;
    }
    response.set_message_count(result->message_count);
  }
};

struct Ack {
  using Request = v1::AckRequest;
  using Response = v1::AckResponse;
  static constexpr auto kRequest = &RawBrokerService::RequestAck;
  static constexpr bool kHeld = false;
  static constexpr bool kDelivers = false;

  static absl::StatusOr<core::Command> ToCommand(Api&, Request& request, core::RequestId id) {
    if (absl::Status s = CheckName("virtual_host", request.virtual_host()); !s.ok()) return s;
    if (absl::Status s = CheckName("consumer", request.consumer()); !s.ok()) return s;
    auto settlements = ToSettlements(request.settlements());
    if (!settlements.ok()) return settlements.status();
    for (const core::Settlement& settlement : *settlements) {
      if (absl::Status s = CheckOutsideStream(request.consumer(), settlement); !s.ok()) return s;
    }
    return core::Ack{.request = id,
                     .virtual_host = VirtualHostName(request.virtual_host()),
                     .consumer_name = request.consumer(),
                     .settlements = *std::move(settlements)};
  }

  static void SetResponse(core::Replied& reply, Response& response) {
    if (const auto* result = std::get_if<core::SettleFailures>(&reply.result)) {
      SetFailures(result->failures, response.mutable_failures());
    }
  }
};

struct Commit {
  using Request = v1::CommitRequest;
  using Response = v1::CommitResponse;
  static constexpr auto kRequest = &RawBrokerService::RequestCommit;
  static constexpr bool kHeld = true;
  static constexpr bool kDelivers = true;

  static bool FinishesWork(const Request& request) { return request.settlements_size() > 0; }

  static absl::StatusOr<core::Command> ToCommand(Api& api, Request& request, core::RequestId id) {
    if (absl::Status s = CheckName("virtual_host", request.virtual_host()); !s.ok()) return s;
    if (absl::Status s = CheckName("producer_id", request.producer_id()); !s.ok()) return s;
    if (absl::Status s = CheckBatchSize(request.publications_size(), 0); !s.ok()) return s;
    core::Commit command{.request = id,
                         .virtual_host = VirtualHostName(request.virtual_host()),
                         .producer_id = request.producer_id()};
    if (!request.producer_id().empty()) {
      if (absl::Status s = CheckFirstSequence(request.first_sequence(), 1); !s.ok()) return s;
      command.sequence = request.first_sequence();
    }
    // All or nothing: the first bad entry fails the call.
    command.publications = api.publications.TakeAll(*request.mutable_publications());
    for (size_t i = 0; i < command.publications.size(); ++i) {
      if (const absl::Status& refused = command.publications[i].refused; !refused.ok()) {
        return WithMetadata(refused, "publication", std::to_string(i));
      }
    }
    command.settlements.reserve(request.settlements_size());
    for (const v1::TransactionSettlement& proto : request.settlements()) {
      if (absl::Status s = CheckName("consumer", proto.consumer()); !s.ok()) return s;
      auto settlement = ToSettlement(proto.settlement());
      if (!settlement.ok()) {
        return WithMetadata(settlement.status(), "settlement",
                            std::to_string(command.settlements.size()));
      }
      if (absl::Status s = CheckOutsideStream(proto.consumer(), *settlement); !s.ok()) {
        return WithMetadata(s, "settlement", std::to_string(command.settlements.size()));
      }
      command.settlements.push_back({proto.consumer(), *std::move(settlement)});
    }
    api.loop.stats().messages_received.Add(command.publications.size());
    return command;
  }

  static void SetResponse(core::Replied& reply, Response& response) {
    if (const auto* result = std::get_if<core::CommitResult>(&reply.result)) {
      response.set_duplicate(result->duplicate);
    }
  }
};

}  // namespace

void ServeSettlements(Api& api) {
  ServeUnary<Get>(api, "Get");
  ServeUnary<Ack>(api, "Ack");
  ServeUnary<Commit>(api, "Commit");
}

}  // namespace warren::api
