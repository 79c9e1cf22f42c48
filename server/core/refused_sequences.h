// The sequences of a producer that were refused, so that a resend of one isn't taken for a
// duplicate: what has been used and isn't here was taken.
//
// Kept as runs, so that a queue that refuses a million in a row costs one. The whole is stored with
// the producer's last sequence (ledger.h), so it is kept small: old ones are forgotten once nobody
// can have reason to send them again.
//
// Broker thread only.
//
// Invariants:
// 1. The runs ascend, and none is next to another.
// 2. There are no more than kRunsKept, or kSequencesKept / 2 and one or two, whichever is more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "storage/record.h"

namespace warren::core {

class RefusedSequences {
 public:
  // A run is kept while it is among the newest kRunsKept, for producers that number in leaps, or
  // within the last kSequencesKept: twice what our clients send ahead of their confirms by default.
  // All those confirms may get lost, and a queue that is just full may refuse every other message.
  static constexpr size_t kRunsKept = 256;
  static constexpr uint64_t kSequencesKept = 20'000;

  RefusedSequences() = default;
  // As recovered. REQUIRES: invariant 1.
  explicit RefusedSequences(const std::vector<storage::SequenceRun>& runs);

  // False if it was there.
  bool Add(uint64_t sequence);
  // The producer has come to this one, which isn't refused (any more).
  void Pass(uint64_t sequence);

  bool Contains(uint64_t sequence) const;
  std::vector<storage::SequenceRun> Runs() const;

 private:
  using Map = std::map<uint64_t, uint64_t>;  // first to last

  // The run that has it, or end().
  Map::const_iterator Find(uint64_t sequence) const;
  void ForgetBefore(uint64_t newest);

  Map runs_;
};

}  // namespace warren::core
