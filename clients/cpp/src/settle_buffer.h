// Settlements that wait for the stream to take the next frame.
//
// Like settlements of a subscription are merged as long as nothing else of it stands between them,
// so a run of acks is one entry; the order in which unlike ones take effect is kept. What is more
// than a frame may hold waits for the next one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "absl/container/flat_hash_map.h"
#include "warren/v1/broker.pb.h"

namespace warren::client {

// Thread-compatible.
class SettleBuffer {
 public:
  // `subscription`: as in the API.
  void Add(uint64_t delivery_tag, v1::SettleOutcome outcome, uint32_t subscription = 0);
  void AddUpTo(uint64_t delivery_tag, v1::SettleOutcome outcome, uint32_t subscription = 0);
  void Add(v1::Settlement settlement);

  bool empty() const { return settle_.settlements().empty() && full_.empty(); }

  // What one frame may hold, from the first on.
  v1::Settle Take();

 private:
  // The entry that a settlement of this outcome and no delay may join; made if need be.
  v1::Settlement& Open(v1::SettleOutcome outcome, uint32_t subscription);
  // `tags` are about to be added, with an entry for them.
  void MakeRoom(size_t tags);

  std::deque<v1::Settle> full_;
  v1::Settle settle_;
  size_t size_ = 0;  // entries and tags in settle_
  // By subscription, its last entry in settle_.
  absl::flat_hash_map<uint32_t, int> last_;
};

}  // namespace warren::client
