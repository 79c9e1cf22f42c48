// Strong identifiers of durable things: an id of one kind can't be passed for another.
// Plain values; thread-compatible.
#pragma once

#include <compare>
#include <cstdint>
#include <utility>

namespace warren::storage {

// 0 is "none"; real ids start at 1 and only grow, over restarts too.
template <typename Tag>
struct StrongId {
  uint64_t value = 0;

  explicit operator bool() const { return value != 0; }
  friend auto operator<=>(const StrongId&, const StrongId&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const StrongId& id) {
    return H::combine(std::move(h), id.value);
  }
};

using ExchangeId = StrongId<struct ExchangeIdTag>;
using QueueId = StrongId<struct QueueIdTag>;
using BindingId = StrongId<struct BindingIdTag>;
using MessageId = StrongId<struct MessageIdTag>;

// Number of a batch in the journal: batch n is durable only if all before it are.
using Lsn = StrongId<struct LsnTag>;

// Where a message that memory has no room for lies in the spill; see storage/spill. Of this run
// only: nothing durable.
using SpillHandle = StrongId<struct SpillHandleTag>;

}  // namespace warren::storage
