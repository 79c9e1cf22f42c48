// WARREN_CHECK: an assertion that stays on in release. For a programmer's mistake only; it ends the
// process, since going on with a broken invariant could lose messages.
#pragma once

namespace warren {

[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);

}  // namespace warren

#define WARREN_CHECK(condition)                                   \
  do {                                                            \
    if (!(condition)) [[unlikely]] {                              \
      ::warren::CheckFailed(__FILE__, __LINE__, #condition);      \
    }                                                             \
  } while (false)
