#include "storage/codec/record_codec.h"

#include <type_traits>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "storage/codec/fields.h"
#include "storage/codec/frame.h"

namespace warren::storage {
namespace {

// The second byte of a payload is the record's place in the variant. It is stored, so new kinds
// are added at the end of Record, and these keep anybody from doing otherwise.
static_assert(std::is_same_v<std::variant_alternative_t<0, Record>, IdsReserved>);
static_assert(std::is_same_v<std::variant_alternative_t<1, Record>, VirtualHostDeclared>);
static_assert(std::is_same_v<std::variant_alternative_t<2, Record>, ExchangeDeclared>);
static_assert(std::is_same_v<std::variant_alternative_t<3, Record>, ExchangeDeleted>);
static_assert(std::is_same_v<std::variant_alternative_t<4, Record>, QueueDeclared>);
static_assert(std::is_same_v<std::variant_alternative_t<5, Record>, QueueDeleted>);
static_assert(std::is_same_v<std::variant_alternative_t<6, Record>, BindingAdded>);
static_assert(std::is_same_v<std::variant_alternative_t<7, Record>, BindingRemoved>);
static_assert(std::is_same_v<std::variant_alternative_t<8, Record>, QueueServing>);
static_assert(std::is_same_v<std::variant_alternative_t<9, Record>, MessagePublished>);
static_assert(std::is_same_v<std::variant_alternative_t<10, Record>, EntryRemoved>);
static_assert(std::is_same_v<std::variant_alternative_t<11, Record>, EntryUpdated>);
static_assert(std::is_same_v<std::variant_alternative_t<12, Record>, ProducerAdvanced>);
static_assert(std::is_same_v<std::variant_alternative_t<13, Record>, ProducerForgotten>);
static_assert(std::is_same_v<std::variant_alternative_t<14, Record>, MessageIdSeen>);
static_assert(std::is_same_v<std::variant_alternative_t<15, Record>, MessageIdForgotten>);
static_assert(std::is_same_v<std::variant_alternative_t<16, Record>, VirtualHostDeleted>);
static_assert(std::is_same_v<std::variant_alternative_t<17, Record>, UserPut>);
static_assert(std::is_same_v<std::variant_alternative_t<18, Record>, UserDeleted>);
static_assert(std::is_same_v<std::variant_alternative_t<19, Record>, PolicyPut>);
static_assert(std::is_same_v<std::variant_alternative_t<20, Record>, PolicyDeleted>);

void Write(Writer& io, const MessagePublished& record) {
  io.Id(record.id);
  io.List(record.entries, kFields);
  WriteMessage(io, *record.message);
}

template <typename R>
void Write(Writer& io, const R& record) {
  Fields(io, record);
}

void Read(Reader& io, MessagePublished& record, NameCache& names) {
  io.Id(record.id);
  io.List(record.entries, kFields);
  record.message = ReadMessage(io, names);
}

template <typename R>
void Read(Reader& io, R& record, NameCache& /*names*/) {
  Fields(io, record);
}

// A default-made record of the kind with that number; `kind` is below variant_size.
template <size_t... I>
Record MakeKind(size_t kind, std::index_sequence<I...>) {
  Record record;
  ((kind == I ? void(record.emplace<I>()) : void()), ...);
  return record;
}

std::string_view TailOf(const Record& record) {
  const auto* published = std::get_if<MessagePublished>(&record);
  return published == nullptr ? std::string_view() : published->message->body.view();
}

}  // namespace

absl::StatusOr<std::string_view> EncodeRecord(const Record& record, std::string& head) {
  const size_t start = head.size();
  head.resize(start + kFrameHeaderBytes);
  head.push_back(static_cast<char>(kCodecVersion));
  head.push_back(static_cast<char>(record.index()));
  Writer io(head);
  std::visit([&io](const auto& kind) { Write(io, kind); }, record);
  if (!io.status().ok()) return io.status();
  const std::string_view tail = TailOf(record);
  if (absl::Status sealed = SealFrame(head, start, tail); !sealed.ok()) return sealed;
  return tail;
}

absl::StatusOr<Record> DecodeRecord(std::string_view& bytes, NameCache& names) {
  const absl::StatusOr<std::string_view> frame = TakeFrame(bytes);
  if (!frame.ok()) return frame.status();
  const absl::StatusOr<std::string_view> payload = OpenFrame(*frame);
  if (!payload.ok()) return payload.status();

  Reader io(*payload);
  const uint8_t version = io.Byte();
  const uint8_t kind = io.Byte();
  if (io.ok() && (version == 0 || version > kCodecVersion)) {
    return absl::FailedPreconditionError(
        absl::StrCat("a record has encoding version ", version, ", this program reads up to ",
                     kCodecVersion, "; start the version that wrote it, or a later one"));
  }
  if (kind >= std::variant_size_v<Record>) io.Fail("unknown kind of record");
  if (!io.ok()) return io.Finish();
  io.SetVersion(version);
  Record record = MakeKind(kind, std::make_index_sequence<std::variant_size_v<Record>>());
  std::visit([&](auto& r) { Read(io, r, names); }, record);
  if (absl::Status finished = io.Finish(); !finished.ok()) return finished;
  return record;
}

}  // namespace warren::storage
