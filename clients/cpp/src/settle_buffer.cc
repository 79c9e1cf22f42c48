#include "settle_buffer.h"

#include <algorithm>
#include <utility>

namespace warren::client {
namespace {

// The broker's limit, of entries and tags together.
constexpr size_t kMaxInFrame = 65'536;

}  // namespace

void SettleBuffer::MakeRoom(size_t tags) {
  if (size_ + tags + 1 > kMaxInFrame && size_ > 0) {
    full_.push_back(std::exchange(settle_, v1::Settle()));
    last_.clear();
    size_ = 0;
  }
  size_ += tags;
}

v1::Settlement& SettleBuffer::Open(v1::SettleOutcome outcome, uint32_t subscription) {
  auto& settlements = *settle_.mutable_settlements();
  const auto [last, is_new] = last_.try_emplace(subscription, settlements.size());
  if (!is_new) {
    v1::Settlement& settlement = settlements[last->second];
    if (settlement.outcome() == outcome && !settlement.has_retry_delay()) return settlement;
    last->second = settlements.size();
  }
  ++size_;
  v1::Settlement& added = *settlements.Add();
  added.set_outcome(outcome);
  if (subscription != 0) added.set_subscription(subscription);
  return added;
}

void SettleBuffer::Add(uint64_t delivery_tag, v1::SettleOutcome outcome, uint32_t subscription) {
  MakeRoom(1);
  Open(outcome, subscription).add_delivery_tags(delivery_tag);
}

void SettleBuffer::AddUpTo(uint64_t delivery_tag, v1::SettleOutcome outcome,
                           uint32_t subscription) {
  MakeRoom(0);
  v1::Settlement& settlement = Open(outcome, subscription);
  settlement.set_up_to_delivery_tag(std::max(settlement.up_to_delivery_tag(), delivery_tag));
}

void SettleBuffer::Add(v1::Settlement settlement) {
  MakeRoom(static_cast<size_t>(settlement.delivery_tags_size()));
  ++size_;
  last_[settlement.subscription()] = settle_.settlements_size();
  *settle_.add_settlements() = std::move(settlement);
}

v1::Settle SettleBuffer::Take() {
  if (!full_.empty()) {
    v1::Settle first = std::move(full_.front());
    full_.pop_front();
    return first;
  }
  last_.clear();
  size_ = 0;
  return std::exchange(settle_, v1::Settle());
}

}  // namespace warren::client
