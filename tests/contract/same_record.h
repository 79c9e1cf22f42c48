// Whether two records say the same. Thread-safe: a function only.
#pragma once

#include "storage/record.h"

namespace warren::storage {

// Equal in every field; a message by content.
bool SameRecord(const Record& a, const Record& b);

}  // namespace warren::storage
