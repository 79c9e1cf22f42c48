// The entries of one queue that wait for time: delayed ones, and ready ones that expire.
//
// A binary heap in which each entry knows its index, so that one in the middle (settled before it
// expired) leaves in O(log n) and no garbage piles up behind long times to live.
// Broker thread only.
#pragma once

#include <cstddef>
#include <vector>

#include "server/core/entry.h"

namespace warren::core {

class DeadlineHeap {
 public:
  bool empty() const { return heap_.empty(); }
  size_t size() const { return heap_.size(); }
  // REQUIRES: not empty.
  Entry* front() const { return heap_.front().entry; }
  int64_t front_ms() const { return heap_.front().at_ms; }

  // REQUIRES: entry has a deadline, and isn't in.
  void Add(Entry* entry);
  // No-op if it isn't in.
  void Remove(Entry* entry);

  // In no useful order. REQUIRES: index < size().
  Entry* at(size_t index) const { return heap_[index].entry; }
  // Every entry in it, in no useful order; for invariants.
  template <typename Visitor>
  void ForEach(Visitor visit) const {
    for (const Node& node : heap_) visit(*node.entry);
  }

 private:
  struct Node {
    int64_t at_ms;
    Entry* entry;
  };

  // Equal deadlines go by position, so that runs repeat exactly.
  static bool Before(const Node& a, const Node& b) {
    return a.at_ms != b.at_ms ? a.at_ms < b.at_ms : a.entry->position < b.entry->position;
  }
  void Put(size_t index, Node node);
  void SiftUp(size_t index, Node node);
  void SiftDown(size_t index, Node node);

  std::vector<Node> heap_;
};

}  // namespace warren::core
