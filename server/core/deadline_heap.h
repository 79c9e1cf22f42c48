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

  // The entries behind this time and position, in order, up to `max` of them; those before are
  // walked over, up to `max_passed`, else there are none.
  std::vector<Entry*> After(int64_t at_ms, uint64_t position, size_t max, size_t max_passed) const;

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

  friend class Deadlines;

  // Equal deadlines go by position, so that runs repeat exactly.
  static bool Before(const Node& a, const Node& b) {
    return a.at_ms != b.at_ms ? a.at_ms < b.at_ms : a.entry->position < b.entry->position;
  }
  void Put(size_t index, Node node);
  void SiftUp(size_t index, Node node);
  void SiftDown(size_t index, Node node);

  std::vector<Node> heap_;
};

// The same for a queue, with the delayed entries apart from those that expire, so that a page of
// them costs what it holds, however many ready messages have a time to live.
class Deadlines {
 public:
  bool empty() const { return delayed_.empty() && expiring_.empty(); }
  size_t size() const { return delayed_.size() + expiring_.size(); }
  // The earliest of both. REQUIRES: not empty.
  Entry* front() const { return First().front(); }
  int64_t front_ms() const { return First().front_ms(); }

  void Add(Entry* entry) { HeapOf(*entry).Add(entry); }
  void Remove(Entry* entry) { HeapOf(*entry).Remove(entry); }

  // In no useful order, but the delayed ones first. REQUIRES: index < size().
  Entry* at(size_t index) const {
    return index < delayed_.size() ? delayed_.at(index) : expiring_.at(index - delayed_.size());
  }
  template <typename Visitor>
  void ForEach(Visitor visit) const {
    delayed_.ForEach(visit);
    expiring_.ForEach(visit);
  }

  const DeadlineHeap& delayed() const { return delayed_; }

 private:
  const DeadlineHeap& First() const {
    if (delayed_.empty() || expiring_.empty()) return delayed_.empty() ? expiring_ : delayed_;
    return DeadlineHeap::Before(delayed_.heap_.front(), expiring_.heap_.front()) ? delayed_
                                                                                 : expiring_;
  }
  DeadlineHeap& HeapOf(const Entry& entry) {
    return entry.state == EntryState::kDelayed ? delayed_ : expiring_;
  }

  DeadlineHeap delayed_;
  DeadlineHeap expiring_;
};

}  // namespace warren::core
