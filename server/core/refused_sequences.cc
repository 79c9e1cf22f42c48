#include "server/core/refused_sequences.h"

#include <iterator>

namespace warren::core {

RefusedSequences::RefusedSequences(const std::vector<storage::SequenceRun>& runs) {
  for (const storage::SequenceRun& run : runs) runs_.emplace_hint(runs_.end(), run.first, run.last);
}

RefusedSequences::Map::const_iterator RefusedSequences::Find(uint64_t sequence) const {
  const auto after = runs_.upper_bound(sequence);
  if (after == runs_.begin()) return runs_.end();
  const auto run = std::prev(after);
  return run->second >= sequence ? run : runs_.end();
}

bool RefusedSequences::Contains(uint64_t sequence) const { return Find(sequence) != runs_.end(); }

bool RefusedSequences::Add(uint64_t sequence) {
  if (Contains(sequence)) return false;
  auto after = runs_.upper_bound(sequence);
  uint64_t last = sequence;
  if (after != runs_.end() && after->first - 1 == sequence) {
    last = after->second;
    after = runs_.erase(after);
  }
  if (after != runs_.begin() && std::prev(after)->second + 1 == sequence) {
    std::prev(after)->second = last;
  } else {
    runs_.emplace_hint(after, sequence, last);
  }
  ForgetBefore(runs_.rbegin()->second);
  return true;
}

void RefusedSequences::Pass(uint64_t sequence) {
  if (const auto run = Find(sequence); run != runs_.end()) {
    const auto [first, last] = *run;
    runs_.erase(run);
    if (first < sequence) runs_.emplace(first, sequence - 1);
    if (sequence < last) runs_.emplace(sequence + 1, last);
  }
  ForgetBefore(sequence);
}

std::vector<storage::SequenceRun> RefusedSequences::Runs() const {
  std::vector<storage::SequenceRun> runs;
  runs.reserve(runs_.size());
  for (const auto& [first, last] : runs_) runs.push_back({first, last});
  return runs;
}

void RefusedSequences::ForgetBefore(uint64_t newest) {
  while (runs_.size() > kRunsKept) {
    const uint64_t last = runs_.begin()->second;
    if (last >= newest || newest - last < kSequencesKept) return;
    runs_.erase(runs_.begin());
  }
}

}  // namespace warren::core
