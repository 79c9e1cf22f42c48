// Policies: options that a name pattern gives to queues and exchanges; part of the durable
// vocabulary. What counts where is server/core/policies.h's matter.
#pragma once

#include <cstdint>
#include <string>

#include "storage/options.h"

namespace warren::storage {

enum class PolicyTarget : uint8_t { kAll = 1, kQueues = 2, kExchanges = 3 };

struct Policy {
  std::string virtual_host;
  std::string name;
  std::string pattern;  // RE2, over names
  PolicyTarget target = PolicyTarget::kAll;
  int32_t priority = 0;
  // Of these only expires_ms, message_ttl_ms, max_length, max_length_bytes, overflow,
  // dead_letter_exchange, dead_letter_routing_key, delivery_limit; the others are as by default.
  QueueOptions queue;
  std::string alternate_exchange;  // for exchanges; "" is none

  bool operator==(const Policy&) const = default;
};

}  // namespace warren::storage
