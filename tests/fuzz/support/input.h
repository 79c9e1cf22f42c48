// What a fuzzer was given, taken apart into choices: numbers from its end, text from its front.
//
// When nothing is left, every choice is the first one, so that each input means something. The same
// bytes always make the same choices. Thread-compatible.
#pragma once

#include <fuzzer/FuzzedDataProvider.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace warren::fuzz {

class Input {
 public:
  Input(const uint8_t* data, size_t size) : provider_(data, size) {}

  bool empty() { return provider_.remaining_bytes() == 0; }

  bool Coin() { return provider_.ConsumeBool(); }
  // One in that many; never once nothing is left.
  bool OneIn(uint64_t times) { return !empty() && Below(times) == times - 1; }
  // From 0 to `bound` - 1; takes no more bytes than that needs. REQUIRES: `bound` isn't 0.
  uint64_t Below(uint64_t bound) {
    return provider_.ConsumeIntegralInRange<uint64_t>(0, bound - 1);
  }
  uint64_t Number() { return provider_.ConsumeIntegral<uint64_t>(); }
  double Double() { return provider_.ConsumeFloatingPoint<double>(); }
  // Any bytes.
  std::string Text(size_t bytes_max) { return provider_.ConsumeRandomLengthString(bytes_max); }
  std::string Rest() { return provider_.ConsumeRemainingBytesAsString(); }

  template <typename T, size_t N>
  T OneOf(const T (&choices)[N]) {
    return choices[Below(N)];
  }
  template <typename E>
  E Enumerator(E first, E last) {
    const auto from = static_cast<uint64_t>(first);
    return static_cast<E>(from + Below(static_cast<uint64_t>(last) - from + 1));
  }

 private:
  FuzzedDataProvider provider_;
};

// What a fuzzer does with an input: each program has its own.
void TestOne(Input& input);

}  // namespace warren::fuzz
