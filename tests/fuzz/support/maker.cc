#include "tests/fuzz/support/maker.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <memory>
#include <utility>

namespace warren::fuzz {
namespace {

constexpr size_t kTextMax = 300;
constexpr int64_t kCenturyMs = int64_t{100} * 365 * 24 * 3600 * 1000;

}  // namespace

std::string Maker::Word(std::initializer_list<const char*> words) {
  if (hostile() && in_.OneIn(8)) return in_.Text(kTextMax);
  return words.begin()[in_.Below(words.size())];
}

uint64_t Maker::Id() {
  if (hostile() && in_.OneIn(16)) return in_.Number();
  return in_.Below(8);
}

std::string Maker::Name() {
  return Word({"a", "a", "a", "b", "b", "c", "", "amq.topic", "amq.direct"});
}

// Mostly none, lest nothing be left to do.
storage::VirtualHostLimits Maker::HostLimits() {
  storage::VirtualHostLimits limits;
  if (in_.OneIn(4)) limits.max_queues = Limit();
  if (in_.OneIn(4)) limits.max_streams = Limit();
  if (in_.OneIn(4)) limits.max_message_bytes = Limit();
  return limits;
}

std::string Maker::HostName() { return Word({"/", "/", "/", "/", "/", "/", "/", "other"}); }

std::string Maker::Key() {
  std::string key = Word({"a", "b", "*", "#", "", "a.b"});
  while (in_.OneIn(3)) key += "." + Word({"a", "b", "*", "#", ""});
  return key;
}

int64_t Maker::Ms() {
  static constexpr int64_t kUsual[] = {0, 1, 2, 10, 100, 1'000, 60'000, kCenturyMs};
  if (hostile() && in_.OneIn(4)) return static_cast<int64_t>(in_.Number());
  return in_.OneOf(kUsual);
}

std::optional<int64_t> Maker::MaybeMs() {
  return in_.OneIn(3) ? std::optional(Ms()) : std::nullopt;
}

uint64_t Maker::Limit() {
  static constexpr uint64_t kUsual[] = {0, 0, 1, 2, 3, 10, 1'000};
  if (hostile() && in_.OneIn(4)) return in_.Number();
  return in_.OneOf(kUsual);
}

double Maker::Double() {
  static constexpr double kUsual[] = {0, 0.5, 1, 2, 1e300};
  if (!hostile() || !in_.OneIn(3)) return in_.OneOf(kUsual);
  const double number = in_.Double();
  return std::isnan(number) ? -1 : number;
}

storage::Value Maker::Value(int depth) {
  switch (in_.Below(depth < storage::kMaxValueDepth ? 9 : 7)) {
    case 0: return {};
    case 1: return {Word({"x", "y", "all", "any", "all-with-x", "any-with-x", ""})};
    case 2: return {static_cast<int64_t>(Ms())};
    case 3: return {Double()};
    case 4: return {in_.Coin()};
    case 5: return {storage::Bytes{Word({"x", "y", ""})}};
    case 6: return {storage::Timestamp{Ms()}};
    case 7: {
      storage::Value::List list(in_.Below(3));
      for (storage::Value& item : list) item = Value(depth + 1);
      return {std::move(list)};
    }
    default: return {Headers(depth + 1)};
  }
}

storage::Headers Maker::Headers(int depth) {
  storage::Headers headers;
  for (uint64_t i = in_.Below(4); i > 0; --i) {
    headers.push_back({Word({"a", "b", "c", "match", "x-a"}), Value(depth)});
  }
  storage::SortHeaders(headers);
  return headers;
}

storage::ExchangeOptions Maker::ExchangeOptions() {
  return {.type = in_.Enumerator(storage::ExchangeType::kDirect, storage::ExchangeType::kHeaders),
          .durable = !in_.OneIn(4),
          .auto_delete = in_.OneIn(4),
          .internal = in_.OneIn(8),
          .delayed = in_.OneIn(8),
          .alternate_exchange = in_.OneIn(4) ? Name() : "",
          .deduplication_window_ms = in_.OneIn(4) ? Ms() : 0};
}

storage::RetryPolicy Maker::RetryPolicy() {
  storage::RetryPolicy policy{.max_attempts = static_cast<uint32_t>(Limit()),
                              .initial_backoff_ms = Ms(),
                              .multiplier = Double(),
                              .max_backoff_ms = Ms(),
                              .jitter = Double()};
  if (hostile()) return policy;
  policy.max_attempts = std::max(policy.max_attempts, uint32_t{1});
  policy.multiplier = std::max(policy.multiplier, 1.0);
  policy.jitter = std::min(policy.jitter, 1.0);
  return policy;
}

storage::QueueOptions Maker::QueueOptions() {
  storage::QueueOptions options{
      .durable = !in_.OneIn(4),
      .exclusive = in_.OneIn(8),
      .auto_delete = in_.OneIn(8),
      .expires_ms = MaybeMs(),
      .message_ttl_ms = MaybeMs(),
      .max_length = Limit(),
      .max_length_bytes = Limit(),
      .overflow = in_.Enumerator(storage::OverflowPolicy::kDropHead,
                                storage::OverflowPolicy::kRejectPublishDlx),
      .max_priority = static_cast<uint8_t>(Limit()),
      .delivery_limit = static_cast<uint32_t>(Limit()),
      .deduplication_window_ms = in_.OneIn(4) ? Ms() : 0};
  if (in_.OneIn(3)) options.dead_letter_exchange = Name();
  if (in_.OneIn(3)) options.dead_letter_routing_key = Key();
  if (in_.OneIn(4)) options.retry = RetryPolicy();
  if (!hostile() && options.expires_ms == 0) options.expires_ms = 1;
  return options;
}

storage::Properties Maker::Properties() {
  return {.message_id = Name(),
          .correlation_id = Name(),
          .reply_to = Name(),
          .type = Name(),
          .app_id = Name(),
          .user_id = Name(),
          .content_type = Name(),
          .content_encoding = Name(),
          .timestamp_ms = MaybeMs(),
          .headers = Headers()};
}

storage::DeathHistory Maker::Deaths() {
  const auto reason = [this] {
    return in_.Enumerator(storage::DeathReason::kRejected, storage::DeathReason::kDeliveryLimit);
  };
  storage::DeathHistory history{.first_death_queue = Name(),
                                .first_death_exchange = Name(),
                                .first_death_reason = reason()};
  for (uint64_t i = in_.Below(3); i > 0; --i) {
    history.deaths.push_back({.queue = Name(),
                              .reason = reason(),
                              .count = Limit(),
                              .first_at_ms = Ms(),
                              .exchange = Name(),
                              .routing_keys = {Key()},
                              .original_expiration_ms = MaybeMs()});
  }
  return history;
}

storage::RefPtr<storage::Message> Maker::Message() {
  auto message = storage::MakeRef<storage::Message>();
  message->exchange = storage::SharedString(Name());
  message->routing_key = storage::SharedString(Key());
  message->body = storage::SharedString(in_.Text(8));
  message->expiration_ms = MaybeMs();
  if (in_.OneIn(4)) message->properties = std::make_unique<storage::Properties>(Properties());
  message->priority = static_cast<uint8_t>(Limit());
  message->persistent = !in_.OneIn(4);
  // Both are the broker's own to set.
  if (hostile()) {
    message->published_at_ms = Ms();
    if (in_.OneIn(4)) message->deaths = std::make_unique<storage::DeathHistory>(Deaths());
  }
  return message;
}

}  // namespace warren::fuzz
