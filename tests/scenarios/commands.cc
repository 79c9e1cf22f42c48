#include "tests/scenarios/commands.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "server/base/error.h"

namespace warren::scenarios {
namespace {

using storage::ExchangeType;
using storage::OverflowPolicy;

ExchangeType TypeFrom(const std::string& text) {
  if (text == "fanout") return ExchangeType::kFanout;
  if (text == "topic") return ExchangeType::kTopic;
  if (text == "headers") return ExchangeType::kHeaders;
  return ExchangeType::kDirect;
}

OverflowPolicy OverflowFrom(const std::string& text) {
  if (text == "reject_publish") return OverflowPolicy::kRejectPublish;
  if (text == "reject_publish_dlx") return OverflowPolicy::kRejectPublishDlx;
  return OverflowPolicy::kDropHead;
}

std::optional<storage::RetryPolicy> RetryFrom(Arguments& words) {
  storage::RetryPolicy retry;
  retry.max_attempts = static_cast<uint32_t>(words.Number("retry"));
  retry.initial_backoff_ms = words.Duration("backoff").value_or(retry.initial_backoff_ms);
  retry.multiplier = words.Fraction("multiplier", retry.multiplier);
  retry.max_backoff_ms = words.Duration("max_backoff").value_or(retry.max_backoff_ms);
  retry.jitter = words.Fraction("jitter", retry.jitter);
  if (retry.max_attempts == 0) return std::nullopt;
  return retry;
}

std::unique_ptr<storage::Properties> PropertiesFrom(Arguments& words) {
  auto properties = std::make_unique<storage::Properties>();
  properties->message_id = words.Text("id");
  properties->correlation_id = words.Text("correlation");
  properties->reply_to = words.Text("reply_to");
  properties->type = words.Text("type");
  properties->app_id = words.Text("app");
  properties->user_id = words.Text("user");
  properties->content_type = words.Text("content_type");
  properties->content_encoding = words.Text("encoding");
  properties->timestamp_ms = words.Duration("timestamp");
  properties->headers = words.Headers("h");
  if (*properties == storage::Properties()) return nullptr;
  return properties;
}

}  // namespace

std::optional<storage::ExchangeOptions> ExchangeOptionsFrom(Arguments& words) {
  if (words.Flag("passive")) return std::nullopt;
  storage::ExchangeOptions options;
  options.type = TypeFrom(words.Text("type", "direct"));
  options.durable = words.Flag("durable");
  options.auto_delete = words.Flag("auto_delete");
  options.internal = words.Flag("internal");
  options.delayed = words.Flag("delayed");
  options.alternate_exchange = words.Text("alternate");
  options.deduplication_window_ms = words.Duration("dedup").value_or(0);
  return options;
}

std::optional<storage::QueueOptions> QueueOptionsFrom(Arguments& words) {
  if (words.Flag("passive")) return std::nullopt;
  storage::QueueOptions options;
  options.durable = words.Flag("durable");
  options.exclusive = words.Flag("exclusive");
  options.auto_delete = words.Flag("auto_delete");
  options.expires_ms = words.Duration("expires");
  options.message_ttl_ms = words.Duration("ttl");
  options.max_length = words.Number("max_length");
  options.max_length_bytes = words.Number("max_length_bytes");
  options.overflow = OverflowFrom(words.Text("overflow"));
  options.dead_letter_exchange = words.Option("dlx");
  options.dead_letter_routing_key = words.Option("dlk");
  options.max_priority = static_cast<uint8_t>(words.Number("max_priority"));
  options.delivery_limit = static_cast<uint32_t>(words.Number("delivery_limit"));
  options.retry = RetryFrom(words);
  options.deduplication_window_ms = words.Duration("dedup").value_or(0);
  return options;
}

storage::PolicyTarget PolicyTargetFrom(std::string_view text) {
  if (text == "queues") return storage::PolicyTarget::kQueues;
  if (text == "exchanges") return storage::PolicyTarget::kExchanges;
  return storage::PolicyTarget::kAll;
}

core::BindingSpec BindingFrom(Arguments& words, core::DestinationKind destination_kind) {
  core::BindingSpec binding;
  binding.arguments = words.Headers("arg");
  binding.source = words.Operand("source");
  binding.destination_kind = destination_kind;
  binding.destination = words.Operand("destination");
  binding.key = words.OptionalOperand();
  return binding;
}

core::Publication PublicationFrom(Arguments& words) {
  core::Publication publication;
  publication.mandatory = words.Flag("mandatory");
  publication.resent = words.Flag("resent");
  publication.delay_ms = words.Duration("delay").value_or(0);
  if (const auto at_ms = words.Duration("at")) publication.deliver_at_ms = kStartMs + *at_ms;

  auto message = storage::MakeRef<storage::Message>();
  message->persistent = words.Flag("persistent");
  if (words.Flag("refused_by_edge")) {
    publication.refused = Error(absl::StatusCode::kInvalidArgument, "HEADERS_TOO_LARGE",
                                {"message", "", "/"}, "refused by the edge");
  }
  message->priority = static_cast<uint8_t>(words.Number("priority"));
  message->expiration_ms = words.Duration("ttl");
  message->properties = PropertiesFrom(words);
  const size_t size = words.Number("size");
  message->exchange = storage::SharedString(words.Operand("exchange"));
  message->routing_key = storage::SharedString(words.Operand("routing key"));
  std::string body = words.OptionalOperand();
  if (body.size() < size) body.resize(size, '.');
  message->body = storage::SharedString(std::move(body));
  publication.message = std::move(message);
  return publication;
}

core::Prefetch PrefetchFrom(Arguments& words) {
  core::Prefetch prefetch;
  prefetch.messages = static_cast<uint32_t>(words.Number("prefetch", prefetch.messages));
  prefetch.bytes = words.Number("bytes", prefetch.bytes);
  return prefetch;
}

std::optional<core::SettleOutcome> OutcomeFrom(std::string_view verb) {
  if (verb == "ack") return core::SettleOutcome::kAck;
  if (verb == "requeue") return core::SettleOutcome::kRequeue;
  if (verb == "reject") return core::SettleOutcome::kReject;
  if (verb == "retry") return core::SettleOutcome::kRetry;
  return std::nullopt;
}

core::Settlement SettlementFrom(core::SettleOutcome outcome, Arguments& words) {
  core::Settlement settlement;
  settlement.outcome = outcome;
  settlement.up_to = {words.Number("up_to")};
  settlement.retry_delay_ms = words.Duration("delay");
  for (const uint64_t tag : words.Numbers()) settlement.tags.push_back({tag});
  return settlement;
}

}  // namespace warren::scenarios
