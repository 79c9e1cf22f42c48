// Lists in pages: how long a page is, and where the next one goes on.
//
// A token is opaque to clients: the list's name and the place of what the page before ended with. So
// it needs no memory here and outlives a restart, and a forged one can at most point to another
// place of the same list. Pure functions; thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace warren::api {

inline constexpr uint32_t kMaxPageSize = 1'000;
inline constexpr uint32_t kDefaultPageSize = 100;

// 0 is the default, or `max` if that is less. INVALID_ARGUMENT, reason PAGE_SIZE_INVALID, over `max`.
absl::StatusOr<size_t> PageSize(uint32_t asked, uint32_t max = kMaxPageSize);

// A place in a list; what its parts mean is the list's.
struct PagePlace {
  std::vector<uint64_t> numbers;
  std::string text;
};

std::string MakePageToken(std::string_view list, const PagePlace& place);

// "" gives `numbers` times 0 and no text. INVALID_ARGUMENT, reason PAGE_TOKEN_INVALID, for what isn't
// of this list, or has other than so many numbers.
absl::StatusOr<PagePlace> ReadPageToken(std::string_view list, const std::string& token,
                                        size_t numbers);

}  // namespace warren::api
