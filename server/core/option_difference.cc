#include "server/core/option_difference.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "storage/names.h"

namespace warren::core {
namespace {

using storage::ExchangeType;
using storage::OverflowPolicy;
using storage::RetryPolicy;

std::string Text(bool value) { return value ? "true" : "false"; }
std::string Text(uint8_t value) { return absl::StrCat(static_cast<int>(value)); }
std::string Text(uint32_t value) { return absl::StrCat(value); }
std::string Text(uint64_t value) { return absl::StrCat(value); }
std::string Text(int64_t value) { return absl::StrCat(value); }
std::string Text(const std::string& value) { return absl::StrCat("\"", value, "\""); }

std::string Text(ExchangeType value) { return std::string(storage::NameOf(value)); }
std::string Text(OverflowPolicy value) { return std::string(storage::NameOf(value)); }

std::string Text(const RetryPolicy& value) {
  return absl::StrCat("{max_attempts ", value.max_attempts, ", initial_backoff ",
                      value.initial_backoff_ms, " ms, multiplier ", value.multiplier,
                      ", max_backoff ", value.max_backoff_ms, " ms, jitter ", value.jitter, "}");
}

template <typename T>
std::string Text(const std::optional<T>& value) {
  return value ? Text(*value) : "unset";
}

// Collects the first difference only.
class Comparison {
 public:
  template <typename T>
  void Compare(const char* option, const T& current, const T& received) {
    if (!difference_.empty() || current == received) return;
    difference_ = absl::StrCat(option, " is ", Text(current), ", received ", Text(received));
  }
  std::string result() && { return std::move(difference_); }

 private:
  std::string difference_;
};

}  // namespace

std::string FirstDifference(const storage::ExchangeOptions& current,
                            const storage::ExchangeOptions& received) {
  Comparison c;
  c.Compare("type", current.type, received.type);
  c.Compare("durable", current.durable, received.durable);
  c.Compare("auto_delete", current.auto_delete, received.auto_delete);
  c.Compare("internal", current.internal, received.internal);
  c.Compare("delayed", current.delayed, received.delayed);
  c.Compare("alternate_exchange", current.alternate_exchange, received.alternate_exchange);
  c.Compare("deduplication_window (ms)", current.deduplication_window_ms,
            received.deduplication_window_ms);
  return std::move(c).result();
}

std::string FirstDifference(const storage::QueueOptions& current,
                            const storage::QueueOptions& received) {
  Comparison c;
  c.Compare("durable", current.durable, received.durable);
  c.Compare("exclusive", current.exclusive, received.exclusive);
  c.Compare("auto_delete", current.auto_delete, received.auto_delete);
  c.Compare("expires (ms)", current.expires_ms, received.expires_ms);
  c.Compare("message_ttl (ms)", current.message_ttl_ms, received.message_ttl_ms);
  c.Compare("max_length", current.max_length, received.max_length);
  c.Compare("max_length_bytes", current.max_length_bytes, received.max_length_bytes);
  c.Compare("overflow", current.overflow, received.overflow);
  c.Compare("dead_letter_exchange", current.dead_letter_exchange, received.dead_letter_exchange);
  c.Compare("dead_letter_routing_key", current.dead_letter_routing_key,
            received.dead_letter_routing_key);
  c.Compare("max_priority", current.max_priority, received.max_priority);
  c.Compare("delivery_limit", current.delivery_limit, received.delivery_limit);
  c.Compare("retry", current.retry, received.retry);
  c.Compare("deduplication_window (ms)", current.deduplication_window_ms,
            received.deduplication_window_ms);
  return std::move(c).result();
}

}  // namespace warren::core
