// Fixed-size objects carved from large blocks: no allocator header an object, neighbours in memory.
// Memory is kept for reuse until the slab dies. Broker thread only.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace warren::core {

// REQUIRES: all objects are deleted before the slab is.
template <typename T>
class Slab {
 public:
  template <typename... Args>
  T* New(Args&&... args) {
    if (free_ == nullptr) AddBlock();
    Slot* slot = free_;
    free_ = slot->next;
    return ::new (static_cast<void*>(slot)) T{std::forward<Args>(args)...};
  }

  void Delete(T* object) {
    object->~T();
    free_ = ::new (static_cast<void*>(object)) Slot{free_};
  }

 private:
  union Slot {
    Slot* next;
    alignas(T) std::byte storage[sizeof(T)];
  };
  static constexpr size_t kSlotsPerBlock = 1024;

  void AddBlock() {
    blocks_.push_back(std::make_unique_for_overwrite<Slot[]>(kSlotsPerBlock));
    Slot* block = blocks_.back().get();
    for (size_t i = kSlotsPerBlock; i-- > 0;) free_ = ::new (&block[i]) Slot{free_};
  }

  std::vector<std::unique_ptr<Slot[]>> blocks_;
  Slot* free_ = nullptr;
};

}  // namespace warren::core
