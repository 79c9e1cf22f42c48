// Typed header values, and tables of them: message headers, binding arguments.
// Value types; thread-compatible.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace warren::storage {

struct Header;

// Sorted by name, names unique. Construct with SortHeaders when the order isn't known.
using Headers = std::vector<Header>;

// Raw bytes, which never equal text.
struct Bytes {
  std::string bytes;
  bool operator==(const Bytes&) const = default;
};

// Milliseconds since the Unix epoch, which never equal a plain number.
struct Timestamp {
  int64_t ms = 0;
  bool operator==(const Timestamp&) const = default;
};

// How deep lists and tables may nest; the edges (proto conversion, codec) refuse more.
inline constexpr int kMaxValueDepth = 8;

// Equality is strict: the same type and the same value.
struct Value {
  using List = std::vector<Value>;
  // monostate is the value-less "void".
  std::variant<std::monostate, std::string, int64_t, double, bool, Bytes, Timestamp, List, Headers>
      data;

  bool operator==(const Value&) const;
};

struct Header {
  std::string name;
  Value value;
  bool operator==(const Header&) const = default;
};

inline bool Value::operator==(const Value& other) const { return data == other.data; }

// Sorts by name; of equal names the last one stays, as in a map.
void SortHeaders(Headers& headers);

// The value of that name, or null. O(log n).
const Value* FindHeader(const Headers& headers, std::string_view name);

}  // namespace warren::storage
