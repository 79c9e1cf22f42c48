// The ready entries of one queue: a line a priority, each in order of position.
//
// Taking the head, joining the tail and leaving from anywhere (expiry) are O(1). Returning to the
// old place (requeue) walks from where the last one returned to, so that a run of requeues in
// order, either way, is O(1) each. Owns nothing. Broker thread only.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "server/core/entry.h"

namespace warren::core {

class ReadyLines {
 public:
  explicit ReadyLines(uint8_t max_priority) : lines_(size_t{max_priority} + 1) {}

  // The next to be delivered: the oldest of the highest priority; null if there is none.
  Entry* head() const;
  // The one that matters least: the oldest of the lowest priority; null if there is none.
  Entry* oldest_of_lowest() const;

  // REQUIRES: entry->priority is at most max_priority.
  void Insert(Entry* entry);
  // REQUIRES: it is in.
  void Remove(Entry* entry);

  // Walks over the entries in the order of delivery, however many come and go meanwhile: the next
  // one, or null at the end, after which it begins anew. There is one such walk.
  Entry* NextOfWalk();

  // In the order of delivery, until `visit` returns false; whether it never did.
  template <typename Visitor>
  bool ForFirst(Visitor visit) const {
    for (size_t priority = lines_.size(); priority-- > 0;) {
      for (Entry* e = lines_[priority].entries.front(); e != nullptr; e = e->next) {
        if (!visit(*e)) return false;
      }
    }
    return true;
  }

  // In the order of delivery.
  template <typename Visitor>
  void ForEach(Visitor visit) const {
    ForFirst([&](Entry& entry) {
      visit(entry);
      return true;
    });
  }

 private:
  struct Line {
    EntryList entries;
    Entry* last_returned = nullptr;  // in this line, or null
  };

  static constexpr size_t kPriorities = 256;

  // The first entry of the highest line below this priority that has any; null if there is none.
  Entry* FirstBelow(size_t priority) const;

  std::vector<Line> lines_;
  std::array<uint64_t, kPriorities / 64> occupied_{};  // a bit a priority

  // The walk: the next entry or, if that is null, the lines that are left.
  Entry* walk_ = nullptr;
  size_t walk_below_ = kPriorities;
};

}  // namespace warren::core
