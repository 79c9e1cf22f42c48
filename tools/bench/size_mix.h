// How large bodies are: one size, or several of which each has its share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace warren::tools {

// Immutable; thread-safe.
class SizeMix {
 public:
  // "SIZE[:SHARE],…" in bytes: "1024" is one size; of "100,1024:3" every fourth message has 100
  // bytes, by chance. A share is 1 unless it is given.
  // INVALID_ARGUMENT unless sizes are 8 bytes to 1 GiB, shares 1 to 1,000,000, 1,000 sizes at most.
  static absl::StatusOr<SizeMix> Parse(std::string_view text);

  explicit SizeMix(size_t bytes) : sizes_{bytes}, shares_up_to_{1} {}

  const std::vector<size_t>& sizes() const { return sizes_; }
  double mean_bytes() const;

  // Which of `sizes` the next message has.
  template <typename Random>
  size_t Draw(Random& random) const {
    if (sizes_.size() == 1) return 0;
    return IndexOf(std::uniform_int_distribution<uint64_t>(1, shares_up_to_.back())(random));
  }

 private:
  SizeMix() = default;
  size_t IndexOf(uint64_t share) const;

  std::vector<size_t> sizes_;
  std::vector<uint64_t> shares_up_to_;  // of the same index and all before
};

}  // namespace warren::tools
