#include "settle_buffer.h"

#include <algorithm>
#include <utility>

namespace warren::client {

v1::Settlement& SettleBuffer::Open(v1::SettleOutcome outcome) {
  auto& settlements = *settle_.mutable_settlements();
  if (!settlements.empty()) {
    v1::Settlement& last = settlements[settlements.size() - 1];
    if (last.outcome() == outcome && !last.has_retry_delay()) return last;
  }
  v1::Settlement& added = *settlements.Add();
  added.set_outcome(outcome);
  return added;
}

void SettleBuffer::Add(uint64_t delivery_tag, v1::SettleOutcome outcome) {
  Open(outcome).add_delivery_tags(delivery_tag);
}

void SettleBuffer::AddUpTo(uint64_t delivery_tag, v1::SettleOutcome outcome) {
  v1::Settlement& settlement = Open(outcome);
  settlement.set_up_to_delivery_tag(std::max(settlement.up_to_delivery_tag(), delivery_tag));
}

void SettleBuffer::Add(v1::Settlement settlement) {
  *settle_.add_settlements() = std::move(settlement);
}

v1::Settle SettleBuffer::Take() { return std::exchange(settle_, v1::Settle()); }

}  // namespace warren::client
