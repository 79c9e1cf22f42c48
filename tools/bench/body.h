// What the body of a message says: when it was due, and which one it is.
//
// Numbers of a producer count from 0 over all queues, which get its messages in turn; so within one
// queue they ascend, and the first of a run is below the number of queues.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace warren::tools {

struct BodyStamp {
  int64_t due_ns = 0;  // since the epoch
  uint64_t producer = 0;
  uint64_t number = 0;
};

// Bodies of less have only the time; of less than a time nothing.
inline constexpr size_t kNumberedBodyBytes = sizeof(BodyStamp);
inline constexpr size_t kSmallestBodyBytes = sizeof(int64_t);

// REQUIRES: body.size() >= kSmallestBodyBytes.
inline void WriteStamp(const BodyStamp& stamp, std::string& body) {
  std::memcpy(body.data(), &stamp,
              body.size() >= kNumberedBodyBytes ? kNumberedBodyBytes : kSmallestBodyBytes);
}

inline BodyStamp ReadStamp(std::string_view body) {
  BodyStamp stamp;
  if (body.size() >= kNumberedBodyBytes) {
    std::memcpy(&stamp, body.data(), kNumberedBodyBytes);
  } else if (body.size() >= kSmallestBodyBytes) {
    std::memcpy(&stamp.due_ns, body.data(), kSmallestBodyBytes);
  }
  return stamp;
}

}  // namespace warren::tools
