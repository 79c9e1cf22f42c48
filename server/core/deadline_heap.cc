#include "server/core/deadline_heap.h"

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
