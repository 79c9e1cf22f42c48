// Records from a fuzzer's input, as a hostile store may hold them: most are sound and refer to what
// was declared before, so that the others fall into a broker that has something to break.
// Thread-compatible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "storage/record.h"
#include "tests/fuzz/support/maker.h"

namespace warren::fuzz {

class RecordMaker : public Maker {
 public:
  explicit RecordMaker(Input& input) : Maker(input, Manner::kHostile) {}

  // Of the kind with that index in Record. Hostile: of any content.
  storage::Record Record(size_t kind);
  // One that a broker might have written, or, one time in eight, any.
  storage::Record MostlySound(size_t kind);

 private:
  storage::Record SoundExchange();
  storage::Record SoundQueue();
  storage::Record SoundBinding();
  storage::Record SoundMessage();
  storage::EntryFacts Facts();
  uint64_t IdsBelow();
  uint64_t OneOfDeclared(const std::vector<uint64_t>& ids);

  uint64_t last_id_ = 0;
  std::vector<uint64_t> exchanges_;
  std::vector<uint64_t> queues_;
};

}  // namespace warren::fuzz
