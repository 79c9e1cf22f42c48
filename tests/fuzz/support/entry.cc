// Where libFuzzer comes in: each input goes to the program's TestOne.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/support/input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  warren::fuzz::Input input(data, size);
  warren::fuzz::TestOne(input);
  return 0;
}
