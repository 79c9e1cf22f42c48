#include "server/metrics/broker_families.h"

#include <algorithm>
#include <utility>

namespace warren::metrics {
namespace {

constexpr double kMillisecond = 1e-3;

// Of gRPC's canonical codes, by number.
constexpr const char* kCodeNames[runtime::RpcCells::kCodes] = {
    "OK",              "Canceled",           "Unknown",  "InvalidArgument", "DeadlineExceeded",
    "NotFound",        "AlreadyExists",      "PermissionDenied", "ResourceExhausted",
    "FailedPrecondition", "Aborted",         "OutOfRange", "Unimplemented", "Internal",
    "Unavailable",     "DataLoss",           "Unauthenticated"};

const char* TypeName(runtime::RpcType type) {
  switch (type) {
    case runtime::RpcType::kUnary: return "unary";
    case runtime::RpcType::kServerStream: return "server_stream";
    case runtime::RpcType::kBidiStream: return "bidi_stream";
  }
  return "";
}

Labels MethodLabels(const runtime::RpcCells& rpc) {
  return {{"grpc_type", TypeName(rpc.type)},
          {"grpc_service", rpc.service},
          {"grpc_method", rpc.method}};
}

double Number(uint64_t value) { return static_cast<double>(value); }

}  // namespace

void AddStateFamilies(const Snapshot& now, Families& families) {
  const core::Usage& usage = now.usage;
  const auto gauge = [&](const char* name, const char* help, uint64_t value) {
    families.Gauge(name, help).Add(Number(value));
  };
  gauge("warren_queues", "Queues.", usage.queues);
  gauge("warren_exchanges", "Exchanges, predeclared ones included.", usage.exchanges);
  gauge("warren_bindings", "Bindings.", usage.bindings);
  gauge("warren_consumers", "Consumers.", usage.consumers);
  gauge("warren_publishers", "Open publishers.", usage.publishers);

  Family messages = families.Gauge("warren_queue_messages",
                                   "Messages in all queues, by state; one in two queues is two.");
  messages.Add(Number(usage.ready_messages), {{"state", "ready"}});
  messages.Add(Number(usage.unsettled_messages), {{"state", "unsettled"}});
  messages.Add(Number(usage.delayed_messages), {{"state", "delayed"}});
  Family bytes = families.Gauge("warren_queue_messages_bytes", "The bodies of these messages.");
  bytes.Add(Number(usage.ready_bytes), {{"state", "ready"}});
  bytes.Add(Number(usage.unsettled_bytes), {{"state", "unsettled"}});
  bytes.Add(Number(usage.delayed_bytes), {{"state", "delayed"}});
  gauge("warren_queues_nonempty_without_consumers",
        "Queues with ready messages and nobody who consumes them.",
        now.survey.nonempty_without_consumers);
  const auto oldest_ms = now.survey.oldest_head_since_ms;
  families
      .Gauge("warren_queue_oldest_message_age_seconds",
             "For how long the message has been ready that is next in its queue, in the queue "
             "where that is longest; 0 if all queues are empty.")
      .Add(oldest_ms ? Number(static_cast<uint64_t>(
                           std::max<int64_t>(now.surveyed_at_ms - *oldest_ms, 0))) *
                           kMillisecond
                     : 0);

  families.Counter("warren_queues_declared_total", "Queues that were declared, new or not.")
      .Add(Number(usage.queues_declared_total));
  families.Counter("warren_queues_created_total", "Queues that were made.")
      .Add(Number(usage.queues_created_total));
  families
      .Counter("warren_queues_deleted_total",
               "Queues that were deleted, by a call, their expiry or their last consumer's end.")
      .Add(Number(usage.queues_deleted_total));

  gauge("warren_memory_used_bytes", "About what all messages in queues take in memory.",
        usage.memory_bytes);
  gauge("warren_paged_messages", "Messages whose content has left memory.", usage.paged_messages);
  Family alarms = families.Gauge(
      "warren_alarm_active", "1 while publishers have to be held for this reason, else 0.");
  alarms.Add(now.memory_alarm ? 1 : 0, {{"alarm", "memory"}});
  alarms.Add(now.disk_alarm ? 1 : 0, {{"alarm", "disk"}});
  alarms.Add(now.storage_alarm ? 1 : 0, {{"alarm", "storage"}});
  gauge("warren_publishers_blocked", "Open publishers that are held; 0 while none has to be.",
        now.held ? usage.publishers : 0);
  families.Counter("warren_flow_blocked_seconds_total", "For how long publishers have been held.")
      .Add(Number(static_cast<uint64_t>(now.held_ms)) * kMillisecond);
}

void AddPublishingFamilies(const Snapshot& now, const runtime::Stats& stats, Families& families) {
  const core::Usage& usage = now.usage;
  families.Counter("warren_messages_received_total", "Messages that publishers sent.")
      .Add(Number(stats.messages_received.value()));
  families
      .Counter("warren_messages_routed_total", "Published messages for which there was a queue.")
      .Add(Number(usage.routed_total));
  families
      .Counter("warren_messages_enqueued_total",
               "Copies that joined a queue, by publishing or dead-lettering.")
      .Add(Number(usage.enqueued_total));
  Family unroutable = families.Counter("warren_messages_unroutable_total",
                                       "Published messages that no queue would get.");
  unroutable.Add(Number(usage.unroutable_total - usage.returned_total), {{"outcome", "dropped"}});
  unroutable.Add(Number(usage.returned_total), {{"outcome", "returned"}});
  Family confirmed = families.Counter("warren_messages_confirmed_total",
                                      "Messages answered to their publishers, by result.");
  confirmed.Add(Number(stats.messages_accepted.value()), {{"result", "accepted"}});
  confirmed.Add(Number(stats.messages_duplicate.value()), {{"result", "duplicate"}});
  confirmed.Add(Number(stats.messages_unroutable.value()), {{"result", "unroutable"}});
  confirmed.Add(Number(stats.messages_rejected.value()), {{"result", "rejected"}});
  families
      .Gauge("warren_messages_unconfirmed", "Messages that publishers wait to be answered for.")
      .Add(Number(stats.messages_unconfirmed.value()));
  families.Histogram("warren_message_size_bytes", "Bodies of published messages.")
      .Add(usage.message_bytes, 1);
  Family confirm = families.Histogram(
      "warren_publish_confirm_seconds",
      "From a message's arrival to its confirm: durable ones wait for the store, transient ones "
      "don't. Accepted messages only.");
  confirm.Add(stats.confirm_stored_seconds, {{"durability", "durable"}});
  confirm.Add(stats.confirm_at_once_seconds, {{"durability", "transient"}});
}

void AddConsumingFamilies(const Snapshot& now, Families& families) {
  using storage::DeathReason;
  const core::Usage& usage = now.usage;
  Family delivered = families.Counter("warren_messages_delivered_total",
                                      "Messages handed to consumers (push) and Get (pull).");
  const uint64_t pushed = usage.delivered_total - usage.pulled_total;
  delivered.Add(Number(pushed - usage.pushed_auto_total), {{"method", "push"}, {"ack", "manual"}});
  delivered.Add(Number(usage.pushed_auto_total), {{"method", "push"}, {"ack", "auto"}});
  delivered.Add(Number(usage.pulled_total - usage.pulled_auto_total),
                {{"method", "pull"}, {"ack", "manual"}});
  delivered.Add(Number(usage.pulled_auto_total), {{"method", "pull"}, {"ack", "auto"}});
  families
      .Counter("warren_messages_redelivered_total", "Of these, those that had been before.")
      .Add(Number(usage.redelivered_total));

  families
      .Counter("warren_messages_moved_total",
               "Messages that operators moved to another queue, which counts them as enqueued.")
      .Add(Number(usage.moved_total));
  Family settled = families.Counter(
      "warren_messages_settled_total",
      "Deliveries that ended, by outcome; what a consumer or lease leaves behind is requeued.");
  settled.Add(Number(usage.acked_total), {{"outcome", "ack"}});
  settled.Add(Number(usage.settled_requeue_total), {{"outcome", "requeue"}});
  settled.Add(Number(usage.settled_reject_total), {{"outcome", "reject"}});
  settled.Add(Number(usage.settled_retry_total), {{"outcome", "retry"}});

  constexpr std::pair<DeathReason, const char*> kReasons[] = {
      {DeathReason::kRejected, "rejected"},
      {DeathReason::kExpired, "expired"},
      {DeathReason::kMaxlen, "maxlen"},
      {DeathReason::kDeliveryLimit, "delivery_limit"}};
  Family dead = families.Counter("warren_messages_dead_lettered_total",
                                 "Messages that went to a dead-letter exchange, by reason.");
  for (const auto& [reason, name] : kReasons) {
    dead.Add(Number(usage.dead_lettered[reason]), {{"reason", name}});
  }
  families
      .Counter("warren_messages_expired_total",
               "Messages that left a queue by reason of time, dead-lettered or not.")
      .Add(Number(usage.expired_total));
  Family dropped = families.Counter(
      "warren_messages_dropped_total",
      "Messages that left a queue and went nowhere, by reason: no dead-letter exchange was asked "
      "for, people removed them, or no queue took the dead letter.");
  for (const auto& [reason, name] : kReasons) {
    dropped.Add(Number(usage.dropped[reason]), {{"reason", name}});
  }
  dropped.Add(Number(usage.purged_total), {{"reason", "purged"}});
  dropped.Add(Number(usage.cancelled_total), {{"reason", "cancelled"}});
  dropped.Add(Number(usage.removed_total - usage.purged_total - usage.cancelled_total),
              {{"reason", "queue_deleted"}});
  dropped.Add(Number(usage.dead_letters_lost_total), {{"reason", "dead_letter_unroutable"}});

  families
      .Histogram("warren_message_wait_seconds",
                 "For how long messages were ready before they were delivered.")
      .Add(usage.wait_ms, kMillisecond);
  families
      .Histogram("warren_settle_seconds", "From a delivery to its end.")
      .Add(usage.settle_ms, kMillisecond);
  families
      .Histogram("warren_delayed_lateness_seconds",
                 "How late delayed messages became ready, behind the time at which they were due.")
      .Add(usage.lateness_ms, kMillisecond);
}

void AddRpcFamilies(const runtime::RpcStats& rpcs, Families& families) {
  Family started = families.Counter("grpc_server_started_total", "Calls that arrived.");
  rpcs.ForEach([&](const runtime::RpcCells& rpc) {
    started.Add(Number(rpc.started.value()), MethodLabels(rpc));
  });
  // A code has a series once it has occurred; that of success always.
  Family handled = families.Counter("grpc_server_handled_total", "Calls that ended, by code.");
  rpcs.ForEach([&](const runtime::RpcCells& rpc) {
    for (size_t code = 0; code < runtime::RpcCells::kCodes; ++code) {
      const uint64_t count = rpc.handled[code].value();
      if (count == 0 && code != 0) continue;
      Labels labels = MethodLabels(rpc);
      labels.push_back({"grpc_code", kCodeNames[code]});
      handled.Add(Number(count), std::move(labels));
    }
  });
  Family seconds = families.Histogram("grpc_server_handling_seconds",
                                      "From a unary call's arrival to its answer.");
  rpcs.ForEach([&](const runtime::RpcCells& rpc) {
    if (rpc.type == runtime::RpcType::kUnary) seconds.Add(rpc.seconds, MethodLabels(rpc));
  });
}

}  // namespace warren::metrics
