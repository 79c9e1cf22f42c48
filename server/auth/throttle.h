// Slows down who guesses: a client's machine may fail so many logins at once, then one in so long.
//
// An attempt takes one from the machine's allowance and gives it back if it succeeds, so attempts
// underway count, too. Networks of IPv6 count as one machine by their first 64 bits. Bounded: with
// too many machines those whose allowance is full are forgotten, then all.
//
// Time comes in. Thread-compatible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"

namespace warren::auth {

struct ThrottleOptions {
  double burst = 20;                 // failures at once
  double per_second = 1;             // afterwards
  size_t max_machines = 100'000;
};

class Throttle {
 public:
  explicit Throttle(const ThrottleOptions& options = {}) : options_(options) {}

  // Whether an attempt from `address` may be looked at.
  bool Admit(const std::string& address, int64_t now_ms);
  // It was a good one.
  void Succeeded(const std::string& address);

 private:
  struct Allowance {
    double left = 0;
    int64_t at_ms = 0;
  };

  double LeftAt(const Allowance& allowance, int64_t now_ms) const;
  void Forget(int64_t now_ms);

  const ThrottleOptions options_;
  absl::flat_hash_map<std::string, Allowance> machines_;
};

}  // namespace warren::auth
