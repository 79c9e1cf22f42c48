#include "server/core/ready_lines.h"

#include <bit>

namespace warren::core {

Entry* ReadyLines::head() const { return FirstBelow(kPriorities); }

Entry* ReadyLines::FirstBelow(size_t priority) const {
  for (size_t word = (priority + 63) / 64; word-- > 0;) {
    uint64_t occupied = occupied_[word];
    if (priority < (word + 1) * 64) occupied &= (uint64_t{1} << (priority % 64)) - 1;
    if (occupied != 0) return lines_[word * 64 + 63 - std::countl_zero(occupied)].entries.front();
  }
  return nullptr;
}

Entry* ReadyLines::NextOfWalk() {
  Entry* entry = walk_ != nullptr ? walk_ : FirstBelow(walk_below_);
  walk_ = entry != nullptr ? entry->next : nullptr;
  walk_below_ = entry != nullptr ? entry->priority : kPriorities;
  return entry;
}

Entry* ReadyLines::oldest_of_lowest() const {
  for (size_t word = 0; word < occupied_.size(); ++word) {
    if (occupied_[word] != 0) {
      return lines_[word * 64 + std::countr_zero(occupied_[word])].entries.front();
    }
  }
  return nullptr;
}

void ReadyLines::Insert(Entry* entry) {
  Line& line = lines_[entry->priority];
  occupied_[entry->priority / 64] |= uint64_t{1} << (entry->priority % 64);
  Entry* back = line.entries.back();
  if (back == nullptr || back->position < entry->position) {
    line.entries.PushBack(entry);
    return;
  }
  // It returns: find the last one that stands before it.
  Entry* before = nullptr;
  if (line.entries.front()->position < entry->position) {
    before = line.last_returned != nullptr ? line.last_returned : line.entries.front();
    while (before->position > entry->position) before = before->prev;
    while (before->next->position < entry->position) before = before->next;
  }
  line.entries.InsertAfter(before, entry);
  line.last_returned = entry;
}

void ReadyLines::Remove(Entry* entry) {
  Line& line = lines_[entry->priority];
  if (walk_ == entry) walk_ = entry->next;
  if (line.last_returned == entry) line.last_returned = entry->next;
  line.entries.Remove(entry);
  if (line.entries.empty()) {
    occupied_[entry->priority / 64] &= ~(uint64_t{1} << (entry->priority % 64));
  }
}

}  // namespace warren::core
