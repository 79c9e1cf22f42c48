#include "server/config/values.h"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <system_error>
#include <utility>

namespace warren::config {
namespace {

std::string Quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

struct Number {
  bool found = false;
  uint64_t value = 0;
  std::string_view unit;  // what stands behind it, without blanks before
};

Number Split(std::string_view text) {
  Number number;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number.value);
  number.found = error == std::errc();
  number.unit = text.substr(static_cast<size_t>(end - text.data()));
  while (number.unit.starts_with(' ')) number.unit.remove_prefix(1);
  return number;
}

Mistake CheckRange(std::string_view text, uint64_t value, Range range, std::string_view unit) {
  if (value >= range.least && value <= range.most) return std::nullopt;
  return Quoted(text) + " is out of range: it may be " + std::to_string(range.least) + " to " +
         std::to_string(range.most) + std::string(unit);
}

// `value` times `factor`, or nothing if that is too much for 64 bits.
std::optional<uint64_t> Times(uint64_t value, uint64_t factor) {
  if (value > UINT64_MAX / factor) return std::nullopt;
  return value * factor;
}

std::optional<uint64_t> SizeUnit(std::string_view unit) {
  std::string lower(unit);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  if (lower.empty() || lower == "b") return 1;
  if (lower == "k" || lower == "kb" || lower == "kib") return uint64_t{1} << 10;
  if (lower == "m" || lower == "mb" || lower == "mib") return uint64_t{1} << 20;
  if (lower == "g" || lower == "gb" || lower == "gib") return uint64_t{1} << 30;
  return std::nullopt;
}

std::optional<uint64_t> TimeUnit(std::string_view unit) {
  if (unit == "ms") return 1;
  if (unit == "s") return 1'000;
  if (unit == "m") return 60'000;
  return std::nullopt;
}

// How many letters have to be put in, left out or changed to make one of the other.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t corner = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = corner + (a[i - 1] == b[j - 1] ? 0 : 1);
      corner = row[j];
      row[j] = std::min({change, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

Mistake ParseCount(std::string_view text, Range range, uint64_t& value) {
  const Number number = Split(text);
  if (!number.found || !number.unit.empty()) return Quoted(text) + " is not a whole number";
  value = number.value;
  return CheckRange(text, value, range, "");
}

Mistake ParseSize(std::string_view text, Range range, uint64_t& bytes) {
  const Number number = Split(text);
  const auto unit = SizeUnit(number.unit);
  const auto product = number.found && unit ? Times(number.value, *unit) : std::nullopt;
  if (!product) return Quoted(text) + " is not a size such as 512KiB, 16MiB or 2GiB";
  bytes = *product;
  return CheckRange(text, bytes, range, " bytes");
}

Mistake ParseTime(std::string_view text, Range range_ms, int64_t& ms) {
  const Number number = Split(text);
  const auto unit = TimeUnit(number.unit);
  const auto product = number.found && unit ? Times(number.value, *unit) : std::nullopt;
  if (!product) return Quoted(text) + " is not a time with its unit, such as 500ms, 10s or 5m";
  if (Mistake mistake = CheckRange(text, *product, range_ms, " ms")) return mistake;
  ms = static_cast<int64_t>(*product);
  return std::nullopt;
}

Mistake ParseSwitch(std::string_view text, bool& value) {
  if (text != "true" && text != "false") return Quoted(text) + " is neither true nor false";
  value = text == "true";
  return std::nullopt;
}

Mistake CheckAddress(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) {
    return Quoted(text) + " is not HOST:PORT, such as 127.0.0.1:7171 or [::]:7171";
  }
  uint64_t port = 0;
  if (ParseCount(text.substr(colon + 1), {0, 65'535}, port)) {
    return Quoted(text) + ": the port must be 0 (any free one) to 65535";
  }
  return std::nullopt;
}

bool IsWildcard(std::string_view address) {
  const std::string_view host = address.substr(0, address.rfind(':'));
  return host == "0.0.0.0" || host == "[::]" || host == "::" || host == "*";
}

Mistake CheckReachableAddress(std::string_view text) {
  if (Mistake mistake = CheckAddress(text)) return mistake;
  constexpr std::string_view kInNames =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_[]:%";
  if (text.find_first_not_of(kInNames) != std::string_view::npos) {
    return Quoted(text) + ": the host must be a name or an address";
  }
  if (IsWildcard(text) || text.ends_with(":0")) {
    return Quoted(text) + " is nothing that others can connect to; name one host and its port";
  }
  return std::nullopt;
}

bool IsLoopback(std::string_view address) {
  const std::string_view host = address.substr(0, address.rfind(':'));
  if (host == "localhost" || host == "[::1]") return true;
  // Only numbers and dots: a host may be called 127.example.
  return host.starts_with("127.") &&
         host.find_first_not_of("0123456789.") == std::string_view::npos;
}

std::string Nearest(std::string_view name, const std::vector<std::string>& names) {
  // A third of the letters may differ.
  size_t best = std::max<size_t>(name.size() / 3, 1) + 1;
  std::string nearest;
  if (name.size() > 64) return nearest;
  for (const std::string& candidate : names) {
    const size_t distance = Distance(name, candidate);
    if (distance >= best) continue;
    best = distance;
    nearest = candidate;
  }
  return nearest;
}

}  // namespace warren::config
