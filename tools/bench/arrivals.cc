#include "tools/bench/arrivals.h"

namespace warren::tools {

bool NumberSet::Insert(uint64_t number) {
  const uint64_t word = number / 64;
  if (word < first_word_) return false;
  const uint64_t index = word - first_word_;
  if (index >= words_.size()) words_.resize(index + 1, 0);
  const uint64_t bit = uint64_t{1} << (number % 64);
  if ((words_[index] & bit) != 0) return false;
  words_[index] |= bit;
  while (!words_.empty() && words_.front() == UINT64_MAX) {
    words_.pop_front();
    ++first_word_;
  }
  return true;
}

}  // namespace warren::tools
