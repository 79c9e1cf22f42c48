// Several addresses of one broker as one target that gRPC understands. Thread-safe.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace warren::client {

struct Target {
  std::string name;       // what gRPC connects to
  std::string authority;  // whom the certificate must name; "": what `name` says
};

// One address or target of gRPC as it is; of several HOST:PORT, parted by commas, a list of
// numbers, which is what gRPC knows lists of. Names are looked up here, once; one that can't be is
// left out.
// INVALID_ARGUMENT if an address isn't HOST:PORT; UNAVAILABLE if none can be looked up.
absl::StatusOr<Target> ResolveTarget(const std::string& addresses);

}  // namespace warren::client
