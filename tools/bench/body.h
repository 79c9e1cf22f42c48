// What the body of a message says: when it was due, and which one it is.
//
// Numbers of a producer count from 0 over all queues, so within one queue they ascend. The source
// names the run beside the producer, so that what an earlier run left behind isn't taken for its own.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace warren::tools {

struct BodyStamp {
  int64_t due_ns = 0;  // since the epoch
  uint64_t source = 0;
  uint64_t number = 0;
};

// Bodies of less have only the time; of less than a time nothing.
inline constexpr size_t kNumberedBodyBytes = sizeof(BodyStamp);
inline constexpr size_t kSmallestBodyBytes = sizeof(int64_t);

// A source is, from the highest bit on: a mark that other bodies hardly have, the run, the producer.
inline constexpr uint64_t kSourceMark = 0xB0D1;
inline constexpr int kProducerBits = 20;
inline constexpr int kRunBits = 28;

// REQUIRES: run < 2^kRunBits, producer < 2^kProducerBits.
inline uint64_t SourceOf(uint64_t run, uint64_t producer) {
  return kSourceMark << (kRunBits + kProducerBits) | run << kProducerBits | producer;
}
inline bool IsSource(uint64_t source) {
  return source >> (kRunBits + kProducerBits) == kSourceMark;
}
inline uint64_t RunOf(uint64_t source) {
  return source >> kProducerBits & ((uint64_t{1} << kRunBits) - 1);
}

// REQUIRES: body.size() >= kSmallestBodyBytes.
inline void WriteStamp(const BodyStamp& stamp, std::string& body) {
  std::memcpy(body.data(), &stamp,
              body.size() >= kNumberedBodyBytes ? kNumberedBodyBytes : kSmallestBodyBytes);
}

// Without a number the source is none.
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
