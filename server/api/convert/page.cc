#include "server/api/convert/page.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/api/convert/limits.h"

namespace warren::api {
namespace {

// Longer than any that was made here: a few numbers, and a name.
constexpr size_t kMaxTokenBytes = 1024;

absl::string_view Absl(std::string_view s) { return {s.data(), s.size()}; }

absl::Status Invalid(std::string_view list) {
  return InvalidField("page_token", "PAGE_TOKEN_INVALID",
                      absl::StrCat("page_token isn't one that this list of ", Absl(list),
                                   " gave out; leave it empty for the first page"));
}

}  // namespace

absl::StatusOr<size_t> PageSize(uint32_t asked, uint32_t max) {
  if (asked > max) {
    return InvalidField("page_size", "PAGE_SIZE_INVALID",
                        absl::StrCat("page_size is ", asked, "; at most ", max, " are allowed"));
  }
  return asked != 0 ? asked : std::min(kDefaultPageSize, max);
}

// list '/' number '/' … '/' text
std::string MakePageToken(std::string_view list, const PagePlace& place) {
  std::string plain(list);
  for (const uint64_t number : place.numbers) absl::StrAppend(&plain, "/", number);
  absl::StrAppend(&plain, "/", place.text);
  return absl::WebSafeBase64Escape(plain);
}

absl::StatusOr<PagePlace> ReadPageToken(std::string_view list, const std::string& token,
                                        size_t numbers) {
  PagePlace place;
  if (token.empty()) {
    place.numbers.resize(numbers);
    return place;
  }
  std::string plain;
  if (token.size() > kMaxTokenBytes || !absl::WebSafeBase64Unescape(token, &plain)) {
    return Invalid(list);
  }
  const std::vector<std::string> parts =
      absl::StrSplit(plain, absl::MaxSplits('/', static_cast<int>(numbers) + 1));
  if (parts.size() != numbers + 2 || parts.front() != list) return Invalid(list);
  for (size_t i = 0; i < numbers; ++i) {
    if (!absl::SimpleAtoi(parts[i + 1], &place.numbers.emplace_back())) return Invalid(list);
  }
  place.text = parts.back();
  if (place.text.size() > kMaxNameBytes || !IsUtf8(place.text)) return Invalid(list);
  // One place has one token.
  return MakePageToken(list, place) == token ? absl::StatusOr<PagePlace>(place) : Invalid(list);
}

}  // namespace warren::api
