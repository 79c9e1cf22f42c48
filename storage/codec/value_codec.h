// Encoding of header tables and their typed values. Thread-compatible.
#pragma once

#include "storage/codec/wire.h"
#include "storage/value.h"

namespace warren::storage {

// `io` fails if a value nests lists and tables more than kMaxValueDepth deep (the table itself
// doesn't count), or if the names read aren't sorted and unique, which FindHeader relies on.
void CodeHeaders(Writer& io, const Headers& headers);
void CodeHeaders(Reader& io, Headers& headers);

}  // namespace warren::storage
