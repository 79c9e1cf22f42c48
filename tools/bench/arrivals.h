// Which messages have arrived, so that none passes for another: a message that came twice must not
// make up for one that is lost.
//
// One bit a message, and none for a run of 64 that are all there; so what keeps arriving in about
// the order of its numbers takes next to nothing.
#pragma once

#include <cstdint>
#include <deque>

#include "absl/container/flat_hash_map.h"
#include "sync/mutex.h"

namespace warren::tools {

// Numbers from 0. Thread-compatible.
class NumberSet {
 public:
  // False if it was there.
  bool Insert(uint64_t number);

 private:
  // Bits of the numbers from 64 × first_word_ on; all below are there.
  std::deque<uint64_t> words_;
  uint64_t first_word_ = 0;
};

// Thread-safe.
class Arrivals {
 public:
  // False if this message has come before; see body.h.
  bool Add(uint64_t source, uint64_t number) {
    const MutexLock lock(mutex_);
    return numbers_[source].Insert(number);
  }

 private:
  Mutex mutex_;
  absl::flat_hash_map<uint64_t, NumberSet> numbers_ WARREN_GUARDED_BY(mutex_);  // by source
};

}  // namespace warren::tools
