#include "tests/support/allocation_counts.h"

#include <cstdlib>
#include <new>

namespace warren {

thread_local int64_t allocations = 0;
thread_local int64_t live_blocks = 0;

}  // namespace warren

// The array forms call these; aligned ones are left alone, both ways.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++warren::allocations;
  ++warren::live_blocks;
  return std::malloc(size == 0 ? 1 : size);
}

void* operator new(std::size_t size) {
  void* block = operator new(size, std::nothrow);
  if (block == nullptr) std::abort();
  return block;
}

void operator delete(void* block) noexcept {
  if (block != nullptr) --warren::live_blocks;
  std::free(block);
}

void operator delete(void* block, std::size_t) noexcept { operator delete(block); }

void operator delete(void* block, const std::nothrow_t&) noexcept { operator delete(block); }
