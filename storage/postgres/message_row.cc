#include "storage/postgres/message_row.h"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/codec/record_codec.h"
#include "storage/postgres/readable.h"

namespace warren::storage {
namespace {

constexpr int16_t kReadFields = 12;
// PostgreSQL holds rows and fields below 1 GiB.
constexpr size_t kMostBytes = 1'000'000'000;

// timestamptz counts microseconds from 2000-01-01, and reaches from 4714 BC to 294276 AD.
constexpr int64_t kYear2000Ms = 946'684'800'000;
constexpr int64_t kFirstMs = -210'866'803'200'000;
constexpr int64_t kLastMs = 9'224'318'015'999'999;
constexpr int64_t kMicros = 1'000;

bool IsTimestamp(int64_t ms) { return ms >= kFirstMs && ms <= kLastMs; }

// Whether the columns alone say all of it.
bool IsPlain(const Message& m) {
  return !m.properties && !m.deaths && m.persistent && IsTimestamp(m.published_at_ms) &&
         IsText(m.exchange.view()) && IsText(m.routing_key.view());
}

// null if all are 0, as they mostly are.
template <typename ToNumber>
void State(CopyWriter& out, const std::vector<EntryFacts>& entries, ToNumber number) {
  const bool any = std::any_of(entries.begin(), entries.end(),
                               [&](const EntryFacts& e) { return number(e) != 0; });
  any ? out.BigintArray(entries, number) : out.Null();
}

}  // namespace

absl::Status MessageRowWriter::Write(CopyWriter& out, SegmentNumber segment, const Record& record) {
  const auto& published = std::get<MessagePublished>(record);
  const Message& m = *published.message;
  exact_.clear();
  const bool plain = IsPlain(m);
  if (!plain) {
    // Also refuses what nests too deep to be shown.
    const absl::StatusOr<std::string_view> body = EncodeRecord(record, exact_);
    if (!body.ok()) return body.status();
  }
  if (m.body.size() + exact_.size() > kMostBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("message ", published.id.value, " has ", m.body.size() + exact_.size(),
                     " bytes; PostgreSQL holds up to ", kMostBytes));
  }

  out.Row(kMessageFields);
  out.Int4(segment);
  out.Int8(static_cast<int64_t>(published.id.value));
  if (IsTimestamp(m.published_at_ms)) {
    out.Int8((m.published_at_ms - kYear2000Ms) * kMicros);
  } else {
    out.Null();
  }
  const std::vector<EntryFacts>& entries = published.entries;
  out.BigintArray(entries, [](const EntryFacts& e) { return e.queue.value; });
  State(out, entries, [](const EntryFacts& e) { return e.expires_at_ms; });
  State(out, entries, [](const EntryFacts& e) { return e.due_at_ms; });
  State(out, entries, [](const EntryFacts& e) { return e.delivery_count; });
  out.Bytes(plain ? m.exchange.view() : Readable(m.exchange.view(), scratch_));
  out.Bytes(plain ? m.routing_key.view() : Readable(m.routing_key.view(), scratch_));
  out.Int2(m.priority);
  out.Int8(m.expiration_ms);
  if (m.properties) {
    out.Jsonb(PropertiesJson(*m.properties));
    m.properties->headers.empty() ? out.Null() : out.Jsonb(HeadersJson(m.properties->headers));
  } else {
    out.Null();
    out.Null();
  }
  m.deaths ? out.Jsonb(DeathsJson(*m.deaths)) : out.Null();
  plain ? out.Null() : out.Bytes(exact_);
  out.Bytes(m.body.view());
  return absl::OkStatus();
}

absl::StatusOr<bool> MessageRowReader::Read(std::string_view row, MessagePublished& message) {
  CopyReader in(row);
  if (!in.Row(kReadFields)) {
    if (absl::Status status = in.Finish(); !status.ok()) return status;
    return false;
  }
  message = {};
  message.id.value = static_cast<uint64_t>(in.Required(in.Int8()));
  absl::Status status = ReadColumns(in, message);
  if (status.ok() && message.entries.empty()) status = absl::DataLossError("it has no queues");
  if (status.ok()) return true;
  return absl::Status(status.code(),
                      absl::StrCat("message ", message.id.value, ": ", status.message()));
}

absl::Status MessageRowReader::ReadColumns(CopyReader& in, MessagePublished& message) {
  const std::optional<int64_t> published_at = in.Int8();
  const std::vector<int64_t> queues = in.BigintArray();
  const std::vector<int64_t> expires_at = in.BigintArray();
  const std::vector<int64_t> due_at = in.BigintArray();
  const std::vector<int64_t> delivery_counts = in.BigintArray();
  const auto exchange = in.Required(in.Bytes());
  const auto routing_key = in.Required(in.Bytes());
  const auto priority = in.Required(in.Int2());
  const std::optional<int64_t> expiration = in.Int8();
  const std::optional<std::string_view> exact = in.Bytes();
  const auto body = in.Required(in.Bytes());
  if (absl::Status status = in.Finish(); !status.ok()) return status;

  for (const std::vector<int64_t>* state : {&expires_at, &due_at, &delivery_counts}) {
    if (!state->empty() && state->size() != queues.size()) {
      return absl::DataLossError("it has another number of queues than of their states");
    }
  }
  message.entries.resize(queues.size());
  for (size_t i = 0; i < queues.size(); ++i) {
    EntryFacts& entry = message.entries[i];
    entry.queue.value = static_cast<uint64_t>(queues[i]);
    if (!expires_at.empty()) entry.expires_at_ms = expires_at[i];
    if (!due_at.empty()) entry.due_at_ms = due_at[i];
    if (!delivery_counts.empty()) {
      if (!std::in_range<uint32_t>(delivery_counts[i])) {
        return absl::DataLossError("its delivery count is out of range");
      }
      entry.delivery_count = static_cast<uint32_t>(delivery_counts[i]);
    }
  }
  if (exact) return ReadExact(*exact, body, message);

  if (!published_at || !std::in_range<uint8_t>(priority)) {
    return absl::DataLossError("its published_at or priority is out of range");
  }
  auto plain = MakeRef<Message>();
  plain->exchange = names_.Share(exchange);
  plain->routing_key = names_.Share(routing_key);
  plain->body = SharedString(std::string(body));
  // Rounded down, should anybody have put microseconds there.
  plain->published_at_ms = *published_at / kMicros + kYear2000Ms - (*published_at % kMicros < 0);
  plain->expiration_ms = expiration;
  plain->priority = static_cast<uint8_t>(priority);
  plain->persistent = true;
  message.message = std::move(plain);
  return absl::OkStatus();
}

absl::Status MessageRowReader::ReadExact(std::string_view exact, std::string_view body,
                                         MessagePublished& message) {
  scratch_.assign(exact);
  scratch_.append(body);
  std::string_view bytes = scratch_;
  absl::StatusOr<Record> record = DecodeRecord(bytes, names_);
  if (!record.ok()) {
    return absl::Status(record.status().code(),
                        absl::StrCat("column exact: ", record.status().message()));
  }
  auto* const published = std::get_if<MessagePublished>(&*record);
  if (!bytes.empty() || published == nullptr || published->id != message.id) {
    return absl::DataLossError("column exact belongs to something else");
  }
  message.message = std::move(published->message);
  return absl::OkStatus();
}

}  // namespace warren::storage
