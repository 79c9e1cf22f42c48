// The broker's time: the runtime reads it, the core only gets it.
#pragma once

#include <chrono>
#include <cstdint>

namespace warren::runtime {

// Milliseconds since the Unix epoch.
inline int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace warren::runtime
