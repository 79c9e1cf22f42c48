#include "server/core/deadline_heap.h"

#include <algorithm>

#include "server/base/check.h"

namespace warren::core {

void DeadlineHeap::Add(Entry* entry) {
  const Node node{entry->deadline_ms(), entry};
  WARREN_CHECK(node.at_ms != 0 && entry->deadline_index == Entry::kNoDeadline);
  heap_.push_back(node);
  SiftUp(heap_.size() - 1, node);
}

void DeadlineHeap::Remove(Entry* entry) {
  const size_t index = entry->deadline_index;
  if (index == Entry::kNoDeadline) return;
  entry->deadline_index = Entry::kNoDeadline;
  const Node last = heap_.back();
  heap_.pop_back();
  if (last.entry == entry) return;
  if (index > 0 && Before(last, heap_[(index - 1) / 2])) {
    SiftUp(index, last);
  } else {
    SiftDown(index, last);
  }
}

std::vector<Entry*> DeadlineHeap::After(int64_t at_ms, uint64_t position, size_t max,
                                        size_t max_passed) const {
  std::vector<Entry*> found;
  const auto is_passed = [&](const Node& node) {
    return node.at_ms != at_ms ? node.at_ms < at_ms : node.entry->position <= position;
  };
  // What was passed is the top of the tree; what hangs below it is where the rest begins.
  std::vector<size_t> passed;
  std::vector<size_t> next;  // a heap of indices, the earliest first
  const auto later = [this](size_t a, size_t b) { return Before(heap_[b], heap_[a]); };
  const auto reach = [&](size_t index) {
    if (index >= heap_.size()) return;
    if (is_passed(heap_[index])) {
      passed.push_back(index);
    } else {
      next.push_back(index);
      std::push_heap(next.begin(), next.end(), later);
    }
  };
  reach(0);
  for (size_t walked = 0; !passed.empty(); ++walked) {
    if (walked == max_passed) return {};
    const size_t index = passed.back();
    passed.pop_back();
    reach(2 * index + 1);
    reach(2 * index + 2);
  }
  while (found.size() < max && !next.empty()) {
    std::pop_heap(next.begin(), next.end(), later);
    const size_t index = next.back();
    next.pop_back();
    found.push_back(heap_[index].entry);
    reach(2 * index + 1);
    reach(2 * index + 2);
  }
  return found;
}

void DeadlineHeap::Put(size_t index, Node node) {
  heap_[index] = node;
  node.entry->deadline_index = static_cast<uint32_t>(index);
}

void DeadlineHeap::SiftUp(size_t index, Node node) {
  while (index > 0) {
    const size_t parent = (index - 1) / 2;
    if (!Before(node, heap_[parent])) break;
    Put(index, heap_[parent]);
    index = parent;
  }
  Put(index, node);
}

void DeadlineHeap::SiftDown(size_t index, Node node) {
  for (;;) {
    size_t child = 2 * index + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && Before(heap_[child + 1], heap_[child])) ++child;
    if (!Before(heap_[child], node)) break;
    Put(index, heap_[child]);
    index = child;
  }
  Put(index, node);
}

}  // namespace warren::core
