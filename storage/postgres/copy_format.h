// PostgreSQL's binary COPY format: rows of fields, each with its length in front; numbers are
// big-endian. Source: "Binary Format" of the page COPY in PostgreSQL's documentation, and the send
// and receive functions of the types.
//
// Place in the life of a message: step 6, and recovery.
//
// Thread safety: thread-compatible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"

namespace warren::storage {

// What PostgreSQL calls the type of an array's elements.
inline constexpr int32_t kBigintOid = 20;

// Bytes to send. A string would fill with zeros what is overwritten at once.
class CopyBuffer {
 public:
  std::string_view view() const { return {bytes_.get(), size_}; }
  size_t size() const { return size_; }
  // Keeps no more memory than that.
  void Clear(size_t kept) {
    size_ = 0;
    if (capacity_ > kept) *this = {};
  }
  // Room for that many bytes more, to be written to.
  char* Extend(size_t bytes) {
    if (capacity_ - size_ < bytes) Grow(bytes);
    size_ += bytes;
    return bytes_.get() + size_ - bytes;
  }

 private:
  void Grow(size_t bytes);

  std::unique_ptr<char[]> bytes_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

// Appends rows to a buffer that the caller owns, and empties as it likes between two rows.
// Header() comes first, Trailer() last; each Row(n) is followed by n fields.
class CopyWriter {
 public:
  explicit CopyWriter(CopyBuffer& out) : out_(out) {}

  void Header();
  void Trailer() { Raw<int16_t>(-1); }
  void Row(int16_t fields) { Raw(fields); }

  void Null() { Raw<int32_t>(-1); }
  void Int2(int16_t value) { Number(value); }
  void Int4(int32_t value) { Number(value); }
  void Int8(int64_t value) { Number(value); }
  void Int8(const std::optional<int64_t>& value) { value ? Int8(*value) : Null(); }
  // text and bytea.
  void Bytes(std::string_view bytes) {
    Raw(static_cast<int32_t>(bytes.size()));
    Append(bytes);
  }
  void Jsonb(std::string_view json);
  // bigint[]: what `number` makes of each item.
  template <typename T, typename ToNumber>
  void BigintArray(const std::vector<T>& items, ToNumber number) {
    constexpr size_t kHead = 5 * sizeof(int32_t);
    constexpr size_t kEach = sizeof(int32_t) + sizeof(int64_t);
    Raw(static_cast<int32_t>(kHead + items.size() * kEach));
    Raw<int32_t>(1);  // dimensions
    Raw<int32_t>(0);  // no nulls
    Raw<int32_t>(kBigintOid);
    Raw(static_cast<int32_t>(items.size()));
    Raw<int32_t>(1);  // index of the first
    for (const T& item : items) Int8(static_cast<int64_t>(number(item)));
  }

 private:
  template <typename T>
  void Raw(T value) {
    const auto bits = static_cast<std::make_unsigned_t<T>>(value);
    char* const to = out_.Extend(sizeof(T));
    for (size_t i = 0; i < sizeof(T); ++i) {
      to[i] = static_cast<char>(bits >> (8 * (sizeof(T) - 1 - i)));
    }
  }
  void Append(std::string_view bytes) {
    if (!bytes.empty()) std::memcpy(out_.Extend(bytes.size()), bytes.data(), bytes.size());
  }
  template <typename T>
  void Number(T value) {
    Raw(static_cast<int32_t>(sizeof(T)));
    Raw(value);
  }

  CopyBuffer& out_;
};

// Reads one row of COPY TO STDOUT, which sends each in a message of its own. Whatever isn't as
// expected makes it fail, and from then on every field is null.
class CopyReader {
 public:
  // REQUIRES: `bytes` outlives the reader and what it yields.
  explicit CopyReader(std::string_view bytes) : bytes_(bytes) {}

  // Begins the row. False at the end of all rows, or if there aren't that many fields.
  bool Row(int16_t fields);

  std::optional<int64_t> Int8() { return Number<int64_t>(); }
  std::optional<int32_t> Int4() { return Number<int32_t>(); }
  std::optional<int16_t> Int2() { return Number<int16_t>(); }
  std::optional<bool> Bool();
  std::optional<std::string_view> Bytes();
  // bigint[] without nulls, of one dimension; empty if null.
  std::vector<int64_t> BigintArray();
  // A field that must not be null.
  template <typename T>
  T Required(const std::optional<T>& field) {
    if (!field) Fail("a field is null that must not be");
    return field.value_or(T());
  }

  void Fail(std::string_view reason);
  bool ok() const { return status_.ok(); }
  // DATA_LOSS if anything failed, or if bytes are left over.
  absl::Status Finish();

 private:
  template <typename T>
  T Raw() {
    if (bytes_.size() < sizeof(T)) {
      Fail("ends too early");
      return 0;
    }
    std::make_unsigned_t<T> bits = 0;
    for (size_t i = 0; i < sizeof(T); ++i) {
      bits = static_cast<decltype(bits)>((bits << 4 << 4) | static_cast<uint8_t>(bytes_[i]));
    }
    bytes_.remove_prefix(sizeof(T));
    return static_cast<T>(bits);
  }
  template <typename T>
  std::optional<T> Number() {
    const std::optional<std::string_view> field = Bytes();
    if (!field) return std::nullopt;
    if (field->size() != sizeof(T)) {
      Fail("a number has the wrong size");
      return std::nullopt;
    }
    return CopyReader(*field).Raw<T>();
  }

  std::string_view bytes_;  // what is left
  absl::Status status_;
};

}  // namespace warren::storage
