// Asks a broker on this machine for one of its health pages: what a container's health check runs,
// since images have no HTTP client else.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "server/metrics/http_port.h"

namespace warren::metrics {

// `address` is --http as the broker has it: one that means all of the machine is asked on loopback.
// `page` is livez, readyz or startupz. UNAVAILABLE if nobody answers within some seconds.
absl::StatusOr<Page> Probe(const std::string& address, const std::string& page);

}  // namespace warren::metrics
