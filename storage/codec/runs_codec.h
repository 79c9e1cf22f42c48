// Encoding of runs of sequences: of each how far it is from the one before, and how much longer
// than one it is, so that most take two bytes. Thread-compatible.
#pragma once

#include <vector>

#include "storage/codec/wire.h"
#include "storage/record.h"

namespace warren::storage {

// REQUIRES: the runs ascend, none next to another. A reader fails at runs that don't.
void CodeRuns(Writer& io, const std::vector<SequenceRun>& runs);
void CodeRuns(Reader& io, std::vector<SequenceRun>& runs);

}  // namespace warren::storage
