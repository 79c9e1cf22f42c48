// Options of exchanges and queues, fixed when they are declared; part of the durable vocabulary.
// Meanings, defaults and limits are documented with the same names in proto/warren/v1/broker.proto.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace warren::storage {

enum class ExchangeType : uint8_t { kDirect = 1, kFanout = 2, kTopic = 3, kHeaders = 4 };

struct ExchangeOptions {
  ExchangeType type = ExchangeType::kDirect;
  bool durable = false;
  bool auto_delete = false;
  bool internal = false;
  bool delayed = false;
  std::string alternate_exchange;      // "" is none
  int64_t deduplication_window_ms = 0;  // 0 is off

  bool operator==(const ExchangeOptions&) const = default;
};

enum class OverflowPolicy : uint8_t { kDropHead = 1, kRejectPublish = 2, kRejectPublishDlx = 3 };

struct RetryPolicy {
  uint32_t max_attempts = 0;
  int64_t initial_backoff_ms = 1'000;
  double multiplier = 2;
  int64_t max_backoff_ms = 3'600'000;
  double jitter = 0;

  bool operator==(const RetryPolicy&) const = default;
};

struct QueueOptions {
  bool durable = false;
  bool exclusive = false;
  bool auto_delete = false;
  std::optional<int64_t> expires_ms;
  std::optional<int64_t> message_ttl_ms;
  uint64_t max_length = 0;        // 0 is no limit
  uint64_t max_length_bytes = 0;  // 0 is no limit
  OverflowPolicy overflow = OverflowPolicy::kDropHead;
  std::optional<std::string> dead_letter_exchange;
  std::optional<std::string> dead_letter_routing_key;
  uint8_t max_priority = 0;     // 0 is no priorities
  uint32_t delivery_limit = 0;  // 0 is no limit
  std::optional<RetryPolicy> retry;
  int64_t deduplication_window_ms = 0;  // 0 is off

  bool operator==(const QueueOptions&) const = default;
};

}  // namespace warren::storage
