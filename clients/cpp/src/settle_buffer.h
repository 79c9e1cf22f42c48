// Settlements that wait for the stream to take the next frame.
//
// Like settlements are merged as long as nothing else stands between them, so a run of acks is one
// entry; the order in which unlike ones take effect is kept.
#pragma once

#include <cstdint>

#include "warren/v1/broker.pb.h"

namespace warren::client {

// Thread-compatible.
class SettleBuffer {
 public:
  void Add(uint64_t delivery_tag, v1::SettleOutcome outcome);
  void AddUpTo(uint64_t delivery_tag, v1::SettleOutcome outcome);
  void Add(v1::Settlement settlement);

  bool empty() const { return settle_.settlements().empty(); }

  // All of them; empties the buffer.
  v1::Settle Take();

 private:
  // The entry that a settlement of this outcome and no delay may join; made if need be.
  v1::Settlement& Open(v1::SettleOutcome outcome);

  v1::Settle settle_;
};

}  // namespace warren::client
