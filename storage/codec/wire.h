// Primitives of the stored encoding: how numbers and strings become bytes, and back.
//
// A Writer and a Reader have the same methods, so that one list of fields (see fields.h) serves
// both directions and the two can't drift apart. docs/storage-format.md has the byte layouts.
//
// Thread safety: thread-compatible.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "storage/ids.h"

namespace warren::storage {

// Version of the encoding that is written. Readers take this one and all before it.
//   2  ProducerAdvanced::refused
//   3  VirtualHostDeclared::deleting
//   4  PolicyPut, PolicyDeleted
//   5  VirtualHostDeclared::limits
inline constexpr uint8_t kCodecVersion = 5;

// Appends to a string that the caller owns.
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  void Uint(uint64_t value);
  void Int(int64_t value);
  void Double(double value);
  void Flag(bool value) { out_.push_back(value ? 1 : 0); }
  void Text(std::string_view text);
  template <typename Tag>
  void Id(const StrongId<Tag>& id) {
    Uint(id.value);
  }
  template <typename E>
  void Enum(E value, E /*first*/, E /*last*/) {
    out_.push_back(static_cast<char>(value));
  }
  template <typename T, typename Each>
  void List(const std::vector<T>& items, Each each) {
    Uint(items.size());
    for (const T& item : items) each(*this, item);
  }
  template <typename T, typename Each>
  void Optional(const std::optional<T>& item, Each each) {
    Flag(item.has_value());
    if (item) each(*this, *item);
  }

  // Whether the encoding has what came with that version.
  static constexpr bool Since(uint8_t /*version*/) { return true; }

  // What can't be written, because no reader would take it; the first reason stays.
  void Fail(std::string_view reason);
  // INVALID_ARGUMENT if Fail was called; what has been appended is then useless.
  const absl::Status& status() const { return status_; }

 private:
  std::string& out_;
  absl::Status status_;
};

// Reads what a Writer wrote, or anything else: hostile bytes make it fail, and from then on every
// read yields a zero, an empty string or an empty list. Never allocates more than a fixed multiple
// of what is there to read.
class Reader {
 public:
  // REQUIRES: `bytes` outlives the reader.
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  template <typename T>
  void Uint(T& value) {
    static_assert(std::is_unsigned_v<T>);
    const uint64_t wide = Varint();
    if (wide > std::numeric_limits<T>::max()) return Fail("number out of range");
    value = static_cast<T>(wide);
  }
  void Int(int64_t& value);
  void Int(int32_t& value);
  void Double(double& value);
  void Flag(bool& value);
  void Text(std::string& text) { text = std::string(TextView()); }
  // Points into the bytes that are read.
  std::string_view TextView();
  template <typename Tag>
  void Id(StrongId<Tag>& id) {
    id.value = Varint();
  }
  template <typename E>
  void Enum(E& value, E first, E last) {
    const uint8_t byte = Byte();
    if (!ok()) return;
    if (byte < static_cast<uint8_t>(first) || byte > static_cast<uint8_t>(last)) {
      return Fail("unknown enumerator");
    }
    value = static_cast<E>(byte);
  }
  template <typename T, typename Each>
  void List(std::vector<T>& items, Each each) {
    // Every item takes a byte at least. Not reserved for, since an item is larger in memory than
    // the least that it may claim to be here.
    const uint64_t count = Varint();
    if (count > bytes_.size()) return Fail("list is longer than what is left");
    for (uint64_t i = 0; i < count && ok(); ++i) each(*this, items.emplace_back());
  }
  template <typename T, typename Each>
  void Optional(std::optional<T>& item, Each each) {
    bool set = false;
    Flag(set);
    if (set) each(*this, item.emplace());
  }

  // The same, of the encoding that is read: the latest, unless another is set.
  bool Since(uint8_t version) const { return version_ >= version; }
  void SetVersion(uint8_t version) { version_ = version; }

  uint8_t Byte();
  void Fail(std::string_view reason);
  bool ok() const { return status_.ok(); }
  // DATA_LOSS if anything failed, or if bytes are left over.
  absl::Status Finish();

 private:
  uint64_t Varint();

  std::string_view bytes_;  // what is left
  uint8_t version_ = kCodecVersion;
  absl::Status status_;
};

}  // namespace warren::storage
