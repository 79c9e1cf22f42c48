#include "storage/postgres/copy_format.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace warren::storage {
namespace {

constexpr std::string_view kSignature("PGCOPY\n\377\r\n\0", 11);
// Signature, flags, length of an extension that nobody uses.
constexpr size_t kHeaderBytes = kSignature.size() + 2 * sizeof(int32_t);
constexpr char kJsonbVersion = 1;

}  // namespace

void CopyBuffer::Grow(size_t bytes) {
  constexpr size_t kLeast = 4096;
  capacity_ = std::max({capacity_ * 2, size_ + bytes, kLeast});
  std::unique_ptr<char[]> larger(new char[capacity_]);
  if (size_ > 0) std::memcpy(larger.get(), bytes_.get(), size_);
  bytes_ = std::move(larger);
}

void CopyWriter::Header() {
  Append(kSignature);
  Raw<int32_t>(0);
  Raw<int32_t>(0);
}

void CopyWriter::Jsonb(std::string_view json) {
  Raw(static_cast<int32_t>(json.size() + 1));
  Append({&kJsonbVersion, 1});
  Append(json);
}

bool CopyReader::Row(int16_t fields) {
  // The first row has the header in front.
  if (bytes_.starts_with(kSignature)) {
    if (bytes_.size() < kHeaderBytes) Fail("its header ends too early");
    if (ok()) bytes_.remove_prefix(kHeaderBytes);
  }
  const auto count = Raw<int16_t>();
  if (!ok()) return false;
  if (count == -1) return false;
  if (count != fields) Fail(absl::StrCat(count, " fields instead of ", fields));
  return ok();
}

std::optional<std::string_view> CopyReader::Bytes() {
  if (!ok()) return std::nullopt;
  const auto size = Raw<int32_t>();
  if (size == -1 || !ok()) return std::nullopt;
  if (size < 0 || static_cast<size_t>(size) > bytes_.size()) {
    Fail("a field is longer than its row");
    return std::nullopt;
  }
  const std::string_view field = bytes_.substr(0, static_cast<size_t>(size));
  bytes_.remove_prefix(field.size());
  return field;
}

std::optional<bool> CopyReader::Bool() {
  const std::optional<std::string_view> field = Bytes();
  if (!field) return std::nullopt;
  if (field->size() != 1) Fail("a boolean has the wrong size");
  return ok() && field->front() != 0;
}

std::vector<int64_t> CopyReader::BigintArray() {
  std::vector<int64_t> items;
  const std::optional<std::string_view> field = Bytes();
  if (!field) return items;
  CopyReader in(*field);
  const auto dimensions = in.Raw<int32_t>();
  const auto has_nulls = in.Raw<int32_t>();
  const auto type = in.Raw<int32_t>();
  if (in.ok() && dimensions == 0) return items;
  const auto count = in.Raw<int32_t>();
  in.Raw<int32_t>();  // index of the first
  if (!in.ok() || dimensions != 1 || has_nulls != 0 || type != kBigintOid || count < 0 ||
      static_cast<size_t>(count) > in.bytes_.size()) {
    Fail("an array isn't a plain list of numbers");
    return items;
  }
  items.reserve(static_cast<size_t>(count) < in.bytes_.size() / 12 + 1
                    ? static_cast<size_t>(count)
                    : 0);
  for (int32_t i = 0; i < count && in.ok(); ++i) {
    items.push_back(in.Required(in.Int8()));
  }
  if (!in.Finish().ok()) Fail("an array is cut off, or longer than it says");
  return items;
}

void CopyReader::Fail(std::string_view reason) {
  if (status_.ok()) {
    status_ = absl::DataLossError(absl::StrCat(absl::string_view(reason.data(), reason.size()),
                                               ", ", bytes_.size(), " bytes before the end"));
  }
  bytes_ = {};
}

absl::Status CopyReader::Finish() {
  if (ok() && !bytes_.empty()) Fail("more bytes than fields");
  return status_;
}

}  // namespace warren::storage
