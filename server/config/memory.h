// How much memory the broker may count on.
#pragma once

#include <cstdint>

namespace warren::config {

// Bytes that this process may use: the machine's, or its control group's limit if that is less.
uint64_t AvailableMemory();

}  // namespace warren::config
