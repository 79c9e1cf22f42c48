// Delivery tags over all streams of a consumer: those of the broker, which begin anew on each stream,
// raised by what came before. So a tag names one delivery for ever, and an old one shows by being low.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "settle_buffer.h"
#include "warren/v1/broker.pb.h"

namespace warren::client {

// Thread-compatible.
class StreamTags {
 public:
  // Makes the broker's tags ours.
  void Raise(v1::Deliveries& deliveries) {
    for (v1::Delivery& delivery : *deliveries.mutable_deliveries()) {
      delivery.set_delivery_tag(base_ + delivery.delivery_tag());
      last_ = std::max(last_, delivery.delivery_tag());
    }
  }
  uint64_t Raised(uint64_t tag) const { return base_ + tag; }

  // The stream was lost: all tags so far are stale.
  void Lose() { base_ = last_; }

  bool IsStale(uint64_t tag) const { return base_ > 0 && tag <= base_; }

  // Makes our tags the broker's and leaves stale ones out; false if there was one.
  bool Lower(v1::Settlement& settlement) const {
    if (base_ == 0) return true;
    int kept = 0;
    auto& tags = *settlement.mutable_delivery_tags();
    for (const uint64_t tag : tags) {
      if (!IsStale(tag)) tags.Set(kept++, tag - base_);
    }
    const bool up_to_stale = settlement.up_to_delivery_tag() != 0 &&
                             IsStale(settlement.up_to_delivery_tag());
    const bool all = kept == tags.size() && !up_to_stale;
    tags.Truncate(kept);
    if (up_to_stale) {
      settlement.clear_up_to_delivery_tag();
    } else if (settlement.up_to_delivery_tag() != 0) {
      settlement.set_up_to_delivery_tag(settlement.up_to_delivery_tag() - base_);
    }
    return all;
  }

 private:
  uint64_t base_ = 0;  // added to the broker's tags of the present stream
  uint64_t last_ = 0;  // the highest so far
};

// Puts settlements of a consumer into its buffer, but for stale ones. Thread-compatible.
class LiveSettlements {
 public:
  LiveSettlements(const StreamTags& tags, SettleBuffer& buffer) : tags_(tags), buffer_(buffer) {}

  void Add(uint64_t tag, v1::SettleOutcome outcome, uint32_t subscription = 0) {
    if (Pass(tag)) buffer_.Add(tag - tags_.Raised(0), outcome, subscription);
  }
  void AddUpTo(uint64_t tag, v1::SettleOutcome outcome, uint32_t subscription = 0) {
    if (Pass(tag)) buffer_.AddUpTo(tag - tags_.Raised(0), outcome, subscription);
  }
  void Add(v1::Settlement settlement) {
    const bool nothing = settlement.delivery_tags().empty() && settlement.up_to_delivery_tag() == 0;
    stale_ |= !tags_.Lower(settlement);
    const bool left = !settlement.delivery_tags().empty() || settlement.up_to_delivery_tag() != 0;
    if (left || nothing) buffer_.Add(std::move(settlement));
  }

  bool had_stale() const { return stale_; }

 private:
  bool Pass(uint64_t tag) {
    const bool stale = tags_.IsStale(tag);
    stale_ |= stale;
    return !stale;
  }

  const StreamTags& tags_;
  SettleBuffer& buffer_;
  bool stale_ = false;
};

}  // namespace warren::client
