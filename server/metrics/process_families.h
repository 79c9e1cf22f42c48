// Families of the process and its connections, as Linux tells them.
#pragma once

#include <cstdint>

#include "server/metrics/families.h"

namespace warren::metrics {

// Names as all exporters have them: process_….
void AddProcessFamilies(Families& families);

// TCP connections that are established to this port of the machine. O(sockets of the machine).
uint64_t CountConnections(uint16_t port);

}  // namespace warren::metrics
