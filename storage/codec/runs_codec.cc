#include "storage/codec/runs_codec.h"

#include <cstdint>

namespace warren::storage {

void CodeRuns(Writer& io, const std::vector<SequenceRun>& runs) {
  uint64_t before = 0;
  io.List(runs, [&before](Writer& inner, const SequenceRun& run) {
    inner.Uint(run.first - before);
    inner.Uint(run.last - run.first);
    before = run.last;
  });
}

void CodeRuns(Reader& io, std::vector<SequenceRun>& runs) {
  uint64_t before = 0;
  io.List(runs, [&](Reader& inner, SequenceRun& run) {
    uint64_t distance = 0;
    uint64_t longer = 0;
    inner.Uint(distance);
    inner.Uint(longer);
    if (!inner.ok()) return;
    const bool is_first = &run == &runs.front();
    if (!is_first && distance < 2) return inner.Fail("runs of sequences touch");
    run.first = before + distance;
    run.last = run.first + longer;
    if (run.first < before || run.last < run.first) return inner.Fail("sequence is out of range");
    before = run.last;
  });
}

}  // namespace warren::storage
