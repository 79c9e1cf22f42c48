#include "server/api/convert/topology.h"

#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/api/convert/headers.h"
#include "server/api/convert/limits.h"

namespace warren::api {
namespace {

constexpr std::string_view kReason = "OPTION_INVALID";

absl::StatusOr<int64_t> Window(const google::protobuf::Duration& window) {
  const auto ms = DurationMs("deduplication_window", window);
  if (ms.ok() && *ms > kMaxDeduplicationWindowMs) {
    return InvalidField("deduplication_window", kReason,
                        absl::StrCat("deduplication_window is ", *ms / 1000,
                                     " s; at most 7 days are allowed"));
  }
  return ms;
}

absl::Status SetOverflow(v1::OverflowPolicy overflow, storage::QueueOptions& options) {
  switch (overflow) {
    case v1::OVERFLOW_POLICY_UNSPECIFIED:
    case v1::OVERFLOW_POLICY_DROP_HEAD:
      options.overflow = storage::OverflowPolicy::kDropHead;
      return absl::OkStatus();
    case v1::OVERFLOW_POLICY_REJECT_PUBLISH:
      options.overflow = storage::OverflowPolicy::kRejectPublish;
      return absl::OkStatus();
    case v1::OVERFLOW_POLICY_REJECT_PUBLISH_DLX:
      options.overflow = storage::OverflowPolicy::kRejectPublishDlx;
      return absl::OkStatus();
    default:
      return InvalidField("overflow", kReason,
                          absl::StrCat("overflow ", static_cast<int>(overflow),
                                       " is none of DROP_HEAD, REJECT_PUBLISH, "
                                       "REJECT_PUBLISH_DLX"));
  }
}

absl::StatusOr<storage::RetryPolicy> ToRetryPolicy(const v1::RetryPolicy& proto) {
  constexpr uint32_t kMaxAttempts = 65'535;
  if (proto.max_attempts() < 1 || proto.max_attempts() > kMaxAttempts) {
    return InvalidField("retry.max_attempts", kReason,
                        absl::StrCat("retry.max_attempts is ", proto.max_attempts(),
                                     "; it may be 1 to ", kMaxAttempts));
  }
  storage::RetryPolicy policy{.max_attempts = proto.max_attempts()};
  if (proto.has_initial_backoff()) {
    const auto ms = DurationMs("retry.initial_backoff", proto.initial_backoff());
    if (!ms.ok()) return ms.status();
    policy.initial_backoff_ms = *ms;
  }
  if (proto.has_max_backoff()) {
    const auto ms = DurationMs("retry.max_backoff", proto.max_backoff());
    if (!ms.ok()) return ms.status();
    policy.max_backoff_ms = *ms;
  }
  // Written so that NaN fails, too. 0 is proto's absent.
  if (proto.multiplier() != 0) {
    if (!(proto.multiplier() >= 1) || std::isinf(proto.multiplier())) {
      return InvalidField("retry.multiplier", kReason,
                          absl::StrCat("retry.multiplier is ", proto.multiplier(),
                                       "; it must be 1 or more"));
    }
    policy.multiplier = proto.multiplier();
  }
  if (!(proto.jitter() >= 0 && proto.jitter() <= 1)) {
    return InvalidField("retry.jitter", kReason,
                        absl::StrCat("retry.jitter is ", proto.jitter(),
                                     "; it ranges from 0 to 1"));
  }
  policy.jitter = proto.jitter();
  return policy;
}

absl::Status SetDurations(const v1::QueueOptions& proto, storage::QueueOptions& options) {
  if (proto.has_expires()) {
    const auto ms = DurationMs("expires", proto.expires());
    if (!ms.ok()) return ms.status();
    if (*ms == 0) {
      return InvalidField("expires", kReason,
                          "expires must be at least 1 ms; leave it out for never");
    }
    options.expires_ms = *ms;
  }
  if (proto.has_message_ttl()) {
    const auto ms = DurationMs("message_ttl", proto.message_ttl());
    if (!ms.ok()) return ms.status();
    options.message_ttl_ms = *ms;
  }
  const auto window = Window(proto.deduplication_window());
  if (!window.ok()) return window.status();
  options.deduplication_window_ms = *window;
  return absl::OkStatus();
}

absl::Status SetDeadLetter(const v1::QueueOptions& proto, storage::QueueOptions& options) {
  if (proto.has_dead_letter_exchange()) {
    const std::string& name = proto.dead_letter_exchange();
    if (absl::Status s = CheckName("dead_letter_exchange", name); !s.ok()) return s;
    options.dead_letter_exchange = name;
  }
  if (proto.has_dead_letter_routing_key()) {
    const std::string& key = proto.dead_letter_routing_key();
    if (absl::Status s = CheckName("dead_letter_routing_key", key); !s.ok()) return s;
    options.dead_letter_routing_key = key;
  }
  return absl::OkStatus();
}

// Everything but the destination.
absl::StatusOr<core::BindingSpec> TakeSource(v1::Binding& proto) {
  if (absl::Status s = CheckName("binding.source", proto.source()); !s.ok()) return s;
  if (absl::Status s = CheckName("binding.routing_key", proto.routing_key()); !s.ok()) return s;
  auto arguments = TakeHeaders(*proto.mutable_arguments());
  if (!arguments.ok()) return arguments.status();
  core::BindingSpec spec;
  spec.source = proto.source();
  spec.key = proto.routing_key();
  spec.arguments = *std::move(arguments);
  return spec;
}

}  // namespace

absl::StatusOr<storage::ExchangeOptions> ToExchangeOptions(const v1::ExchangeOptions& proto) {
  storage::ExchangeOptions options;
  switch (proto.type()) {
    case v1::EXCHANGE_TYPE_DIRECT: options.type = storage::ExchangeType::kDirect; break;
    case v1::EXCHANGE_TYPE_FANOUT: options.type = storage::ExchangeType::kFanout; break;
    case v1::EXCHANGE_TYPE_TOPIC: options.type = storage::ExchangeType::kTopic; break;
    case v1::EXCHANGE_TYPE_HEADERS: options.type = storage::ExchangeType::kHeaders; break;
    default:
      return InvalidField("type", kReason,
                          absl::StrCat("type ", static_cast<int>(proto.type()),
                                       " is none of DIRECT, FANOUT, TOPIC, HEADERS"));
  }
  if (absl::Status s = CheckName("alternate_exchange", proto.alternate_exchange()); !s.ok()) {
    return s;
  }
  const auto window = Window(proto.deduplication_window());
  if (!window.ok()) return window.status();
  options.durable = proto.durable();
  options.auto_delete = proto.auto_delete();
  options.internal = proto.internal();
  options.delayed = proto.delayed();
  options.alternate_exchange = proto.alternate_exchange();
  options.deduplication_window_ms = *window;
  return options;
}

absl::StatusOr<storage::QueueOptions> ToQueueOptions(const v1::QueueOptions& proto) {
  constexpr uint32_t kMaxPriority = 255;
  storage::QueueOptions options;
  options.durable = proto.durable();
  options.exclusive = proto.exclusive();
  options.auto_delete = proto.auto_delete();
  options.max_length = proto.max_length();
  options.max_length_bytes = proto.max_length_bytes();
  options.delivery_limit = proto.delivery_limit();
  if (proto.max_priority() > kMaxPriority) {
    return InvalidField("max_priority", kReason,
                        absl::StrCat("max_priority is ", proto.max_priority(),
                                     "; it ranges from 0 to ", kMaxPriority));
  }
  options.max_priority = static_cast<uint8_t>(proto.max_priority());
  if (absl::Status s = SetOverflow(proto.overflow(), options); !s.ok()) return s;
  if (absl::Status s = SetDurations(proto, options); !s.ok()) return s;
  if (absl::Status s = SetDeadLetter(proto, options); !s.ok()) return s;
  if (proto.has_retry()) {
    const auto policy = ToRetryPolicy(proto.retry());
    if (!policy.ok()) return policy.status();
    options.retry = *policy;
  }
  return options;
}

absl::StatusOr<core::BindingSpec> TakeBinding(v1::Binding& proto) {
  auto spec = TakeSource(proto);
  if (!spec.ok()) return spec;
  switch (proto.destination_case()) {
    case v1::Binding::kQueue:
      spec->destination_kind = core::DestinationKind::kQueue;
      spec->destination = proto.queue();
      break;
    case v1::Binding::kExchange:
      spec->destination_kind = core::DestinationKind::kExchange;
      spec->destination = proto.exchange();
      break;
    default:
      return InvalidField("binding.destination", "BINDING_INVALID",
                          "binding has no destination; set queue or exchange");
  }
  if (absl::Status s = CheckName("binding.destination", spec->destination); !s.ok()) return s;
  return spec;
}

absl::StatusOr<core::BindingSpec> TakeBindingTo(std::string_view queue, v1::Binding& proto) {
  auto spec = TakeSource(proto);
  if (spec.ok()) {
    spec->destination_kind = core::DestinationKind::kQueue;
    spec->destination = queue;
  }
  return spec;
}

void SetExchangeOptions(const storage::ExchangeOptions& options, v1::ExchangeOptions* proto) {
  proto->set_type(static_cast<v1::ExchangeType>(options.type));  // the same numbers
  proto->set_durable(options.durable);
  proto->set_auto_delete(options.auto_delete);
  proto->set_internal(options.internal);
  proto->set_delayed(options.delayed);
  proto->set_alternate_exchange(options.alternate_exchange);
  if (options.deduplication_window_ms != 0) {
    SetDuration(options.deduplication_window_ms, proto->mutable_deduplication_window());
  }
}

void SetQueueOptions(const storage::QueueOptions& options, v1::QueueOptions* proto) {
  proto->set_durable(options.durable);
  proto->set_exclusive(options.exclusive);
  proto->set_auto_delete(options.auto_delete);
  if (options.expires_ms) SetDuration(*options.expires_ms, proto->mutable_expires());
  if (options.message_ttl_ms) SetDuration(*options.message_ttl_ms, proto->mutable_message_ttl());
  proto->set_max_length(options.max_length);
  proto->set_max_length_bytes(options.max_length_bytes);
  proto->set_overflow(static_cast<v1::OverflowPolicy>(options.overflow));  // the same numbers
  if (options.dead_letter_exchange) proto->set_dead_letter_exchange(*options.dead_letter_exchange);
  if (options.dead_letter_routing_key) {
    proto->set_dead_letter_routing_key(*options.dead_letter_routing_key);
  }
  proto->set_max_priority(options.max_priority);
  proto->set_delivery_limit(options.delivery_limit);
  if (options.retry) {
    v1::RetryPolicy& retry = *proto->mutable_retry();
    retry.set_max_attempts(options.retry->max_attempts);
    SetDuration(options.retry->initial_backoff_ms, retry.mutable_initial_backoff());
    retry.set_multiplier(options.retry->multiplier);
    SetDuration(options.retry->max_backoff_ms, retry.mutable_max_backoff());
    retry.set_jitter(options.retry->jitter);
  }
  if (options.deduplication_window_ms != 0) {
    SetDuration(options.deduplication_window_ms, proto->mutable_deduplication_window());
  }
}

void SetBinding(const core::BindingSpec& spec, v1::Binding* proto) {
  proto->set_source(spec.source);
  proto->set_routing_key(spec.key);
  if (spec.destination_kind == core::DestinationKind::kQueue) {
    proto->set_queue(spec.destination);
  } else {
    proto->set_exchange(spec.destination);
  }
  SetHeaders(spec.arguments, proto->mutable_arguments());
}

}  // namespace warren::api
