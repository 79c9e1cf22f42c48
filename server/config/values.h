// Values of options as people write them: "16MiB", "10s", "127.0.0.1:7171".
//
// A parser answers what is wrong with the text, or nothing and the value. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace warren::config {

// What is wrong with a value; none if nothing is.
using Mistake = std::optional<std::string>;

struct Range {
  uint64_t least = 0;
  uint64_t most = 0;
};

// Digits alone.
Mistake ParseCount(std::string_view text, Range range, uint64_t& value);

// Bytes: a number, and B, K, KB, KiB, M, MB, MiB, G, GB or GiB in any case, all powers of 1024.
Mistake ParseSize(std::string_view text, Range range, uint64_t& bytes);

// Milliseconds: a number with its unit, ms, s or m.
Mistake ParseTime(std::string_view text, Range range_ms, int64_t& ms);

// true or false.
Mistake ParseSwitch(std::string_view text, bool& value);

// HOST:PORT, where HOST may be an IPv6 address in brackets.
Mistake CheckAddress(std::string_view text);

// HOST:PORT that others can connect to: no port 0, and no address that means all of a machine's.
Mistake CheckReachableAddress(std::string_view text);

// Whether `address`, a HOST:PORT, means all addresses of the machine: 0.0.0.0, [::], *.
bool IsWildcard(std::string_view address);

// Whether only programs on this machine reach `address`, a HOST:PORT: localhost, 127.0.0.0/8, [::1].
bool IsLoopback(std::string_view address);

// The one of `names` that is most like `name`; "" if none is near.
std::string Nearest(std::string_view name, const std::vector<std::string>& names);

}  // namespace warren::config
