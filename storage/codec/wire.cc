#include "storage/codec/wire.h"

#include <bit>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "storage/absl_view.h"

namespace warren::storage {
namespace {

constexpr int kDoubleBytes = 8;
constexpr int kVarintBits = 64;

}  // namespace

void Writer::Uint(uint64_t value) {
  while (value >= 0x80) {
    out_.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out_.push_back(static_cast<char>(value));
}

void Writer::Int(int64_t value) {
  // Zigzag: small numbers of either sign stay short.
  Uint((static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
}

void Writer::Double(double value) {
  const auto bits = std::bit_cast<uint64_t>(value);
  for (int i = 0; i < kDoubleBytes; ++i) out_.push_back(static_cast<char>(bits >> (8 * i)));
}

void Writer::Text(std::string_view text) {
  Uint(text.size());
  out_.append(text);
}

void Writer::Fail(std::string_view reason) {
  if (status_.ok()) status_ = absl::InvalidArgumentError(Absl(reason));
}

uint64_t Reader::Varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < kVarintBits; shift += 7) {
    const uint8_t byte = Byte();
    if (!ok()) return 0;
    // The tenth byte has room for one bit.
    if (shift == 63 && byte > 1) break;
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  Fail("number is longer than 64 bits");
  return 0;
}

void Reader::Int(int64_t& value) {
  const uint64_t zigzag = Varint();
  value = static_cast<int64_t>((zigzag >> 1) ^ (~(zigzag & 1) + 1));
}

void Reader::Int(int32_t& value) {
  int64_t wide = 0;
  Int(wide);
  if (wide != static_cast<int32_t>(wide)) return Fail("number out of range");
  value = static_cast<int32_t>(wide);
}

void Reader::Double(double& value) {
  uint64_t bits = 0;
  for (int i = 0; i < kDoubleBytes; ++i) bits |= static_cast<uint64_t>(Byte()) << (8 * i);
  if (ok()) value = std::bit_cast<double>(bits);
}

void Reader::Flag(bool& value) {
  const uint8_t byte = Byte();
  if (byte > 1) return Fail("flag is neither 0 nor 1");
  value = byte == 1;
}

std::string_view Reader::TextView() {
  const uint64_t size = Varint();
  if (size > bytes_.size()) {
    Fail("string is longer than what is left");
    return {};
  }
  const std::string_view text = bytes_.substr(0, size);
  bytes_.remove_prefix(size);
  return text;
}

uint8_t Reader::Byte() {
  if (bytes_.empty()) {
    Fail("ends too early");
    return 0;
  }
  const auto byte = static_cast<uint8_t>(bytes_.front());
  bytes_.remove_prefix(1);
  return byte;
}

void Reader::Fail(std::string_view reason) {
  if (status_.ok()) {
    status_ = absl::DataLossError(
        absl::StrCat(Absl(reason), ", ", bytes_.size(), " bytes before the end"));
  }
  bytes_ = {};
}

absl::Status Reader::Finish() {
  if (ok() && !bytes_.empty()) Fail("more bytes than fields");
  return status_;
}

}  // namespace warren::storage
