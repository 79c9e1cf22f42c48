// Limits of one virtual host; part of the durable vocabulary. Value type; thread-compatible.
#pragma once

#include <cstdint>
#include <optional>

namespace warren::storage {

// Absent is no limit, 0 is none at all. They refuse what is new; what is there stays.
struct VirtualHostLimits {
  std::optional<uint64_t> max_queues;
  std::optional<uint64_t> max_streams;        // Publish and Consume streams together
  std::optional<uint64_t> max_message_bytes;  // of the body of one message

  bool operator==(const VirtualHostLimits&) const = default;
};

}  // namespace warren::storage
