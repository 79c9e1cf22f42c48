#include "storage/value.h"

#include <algorithm>
#include <iterator>

namespace warren::storage {

void SortHeaders(Headers& headers) {
  std::stable_sort(headers.begin(), headers.end(),
                   [](const Header& a, const Header& b) { return a.name < b.name; });
  // Reversed, std::unique keeps what was last among equals.
  const auto kept =
      std::unique(headers.rbegin(), headers.rend(),
                  [](const Header& a, const Header& b) { return a.name == b.name; });
  headers.erase(headers.begin(), kept.base());
}

const Value* FindHeader(const Headers& headers, std::string_view name) {
  const auto it =
      std::lower_bound(headers.begin(), headers.end(), name,
                       [](const Header& h, std::string_view n) { return h.name < n; });
  return it != headers.end() && it->name == name ? &it->value : nullptr;
}

}  // namespace warren::storage
