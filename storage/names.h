// The words of the field for enumerators, as people read them: in errors, in what is delivered, in
// what a store shows. Thread-safe: functions only.
#pragma once

#include <string_view>

#include "storage/message.h"
#include "storage/options.h"

namespace warren::storage {

// "unknown" for a value that isn't one of the enumerators.
std::string_view NameOf(ExchangeType type);        // direct, …
std::string_view NameOf(OverflowPolicy overflow);  // drop_head, …
std::string_view NameOf(DeathReason reason);       // rejected, …

}  // namespace warren::storage
