#include "tools/bench/size_mix.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/str_cat.h"
#include "tools/bench/body.h"

namespace warren::tools {
namespace {

constexpr uint64_t kLargestBytes = uint64_t{1} << 30;
constexpr uint64_t kLargestShare = 1'000'000;
constexpr size_t kMostSizes = 1'000;

absl::StatusOr<uint64_t> ParseNumber(std::string_view text, std::string_view what, uint64_t least,
                                     uint64_t most) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < least || number > most) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", std::string(text), "\" is no ", std::string(what), " of ", least, " to ", most));
  }
  return number;
}

}  // namespace

absl::StatusOr<SizeMix> SizeMix::Parse(std::string_view text) {
  SizeMix mix;
  uint64_t shares = 0;
  while (true) {
    const size_t comma = text.find(',');
    const std::string_view entry = text.substr(0, comma);
    const size_t colon = entry.find(':');
    const auto bytes =
        ParseNumber(entry.substr(0, colon), "size in bytes", kSmallestBodyBytes, kLargestBytes);
    if (!bytes.ok()) return bytes.status();
    absl::StatusOr<uint64_t> share = 1;
    if (colon != entry.npos) share = ParseNumber(entry.substr(colon + 1), "share", 1, kLargestShare);
    if (!share.ok()) return share.status();
    mix.sizes_.push_back(*bytes);
    mix.shares_up_to_.push_back(shares += *share);
    if (mix.sizes_.size() > kMostSizes) {
      return absl::InvalidArgumentError(absl::StrCat("more than ", kMostSizes, " sizes"));
    }
    if (comma == text.npos) return mix;
    text.remove_prefix(comma + 1);
  }
}

double SizeMix::mean_bytes() const {
  double sum = 0;
  for (size_t i = 0; i < sizes_.size(); ++i) {
    const uint64_t share = shares_up_to_[i] - (i == 0 ? 0 : shares_up_to_[i - 1]);
    sum += static_cast<double>(sizes_[i]) * static_cast<double>(share);
  }
  return sum / static_cast<double>(shares_up_to_.back());
}

size_t SizeMix::IndexOf(uint64_t share) const {
  return static_cast<size_t>(std::lower_bound(shares_up_to_.begin(), shares_up_to_.end(), share) -
                             shares_up_to_.begin());
}

}  // namespace warren::tools
