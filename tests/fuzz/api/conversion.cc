// Goal: whatever a client sends, conversion is a status or something that keeps to the limits which
// the core takes for granted; and what the core says can be sent and read again.
// Method: the first byte says which message of the API the rest is parsed as.
#include <cstdint>
#include <string>
#include <string_view>

#include <google/protobuf/stubs/logging.h>

#include "server/api/convert/confirm.h"
#include "server/api/convert/delivery.h"
#include "server/api/convert/entry.h"
#include "server/api/convert/error.h"
#include "server/api/convert/headers.h"
#include "server/api/convert/limits.h"
#include "server/api/convert/page.h"
#include "server/api/convert/publication.h"
#include "server/api/convert/settlement.h"
#include "server/api/convert/topology.h"
#include "server/base/check.h"
#include "tests/fuzz/support/input.h"
#include "warren/v1/admin.pb.h"
#include "warren/v1/broker.pb.h"

namespace warren::api {
namespace {

constexpr size_t kMaxBody = 1'000;

void CheckName(std::string_view name) {
  WARREN_CHECK(name.size() <= kMaxNameBytes && IsUtf8(name));
}

void CheckSpan(int64_t ms) { WARREN_CHECK(ms >= 0 && ms <= kMaxDurationMs + 1); }

int DepthOf(const storage::Headers& headers);

int DepthOf(const storage::Value& value) {
  int inner = 0;
  if (const auto* table = std::get_if<storage::Headers>(&value.data)) return 1 + DepthOf(*table);
  const auto* list = std::get_if<storage::Value::List>(&value.data);
  if (list == nullptr) return 0;
  for (const storage::Value& item : *list) inner = std::max(inner, DepthOf(item));
  return 1 + inner;
}

int DepthOf(const storage::Headers& headers) {
  int deepest = 0;
  for (size_t i = 0; i < headers.size(); ++i) {
    CheckName(headers[i].name);
    WARREN_CHECK(i == 0 || headers[i - 1].name < headers[i].name);
    deepest = std::max(deepest, DepthOf(headers[i].value));
  }
  return deepest;
}

// Within the limits, and the same after a round trip.
void CheckHeaders(const storage::Headers& headers) {
  WARREN_CHECK(DepthOf(headers) <= storage::kMaxValueDepth);
  v1::HeaderTable table;
  SetHeaders(headers, table.mutable_entries());
  const auto again = TakeHeaders(*table.mutable_entries());
  WARREN_CHECK(again.ok() && *again == headers);
}

void CheckStatus(const absl::Status& status) {
  WARREN_CHECK(absl::IsInvalidArgument(status) || absl::IsResourceExhausted(status));
  v1::Error error;
  SetError(status, &error);
  WARREN_CHECK(!error.reason().empty() && !error.message().empty());
  WARREN_CHECK(error.SerializeAsString().size() > 0);
  WARREN_CHECK(!ToGrpcStatus(status).ok());
}

// What is delivered of a message is what would be published.
void CheckDelivery(const core::Publication& publication, const PublicationReader& reader) {
  v1::Delivery proto;
  SetDelivery({.tag = {1}, .message = publication.message}, &proto);
  std::string bytes;
  WARREN_CHECK(proto.SerializeToString(&bytes));
  v1::Delivery read;
  WARREN_CHECK(read.ParseFromString(bytes));
  v1::Publication again;
  again.set_exchange(read.exchange());
  again.set_routing_key(read.routing_key());
  *again.mutable_message() = std::move(*read.mutable_message());
  const core::Publication taken = reader.Take(again);
  WARREN_CHECK(taken.refused.ok());
  WARREN_CHECK(storage::SameMessage(*taken.message, *publication.message));
}

void Take(v1::Publication& proto) {
  static Interner interner(16);
  const PublicationReader reader({.max_message_bytes = kMaxBody, .max_headers = 64}, interner);
  const core::Publication publication = reader.Take(proto);
  WARREN_CHECK(publication.refused.ok() == (publication.message.get() != nullptr));
  if (!publication.refused.ok()) return CheckStatus(publication.refused);
  const storage::Message& message = *publication.message;
  CheckName(message.exchange.view());
  CheckName(message.routing_key.view());
  WARREN_CHECK(message.body.size() <= kMaxBody);
  WARREN_CHECK(publication.delay_ms == 0 || publication.deliver_at_ms == 0);
  CheckSpan(publication.delay_ms);
  if (message.expiration_ms) CheckSpan(*message.expiration_ms);
  CheckHeaders(message.headers());
  CheckDelivery(publication, reader);
}

void Take(v1::PublishRequest& proto) {
  CheckBatchSize(proto.publications_size()).IgnoreError();
  CheckFirstSequence(proto.first_sequence(), proto.publications_size()).IgnoreError();
  for (v1::Publication& publication : *proto.mutable_publications()) Take(publication);
}

void Take(v1::ExchangeOptions& proto) {
  const auto options = ToExchangeOptions(proto);
  if (!options.ok()) return CheckStatus(options.status());
  CheckName(options->alternate_exchange);
  CheckSpan(options->deduplication_window_ms);
  v1::ExchangeOptions shown;
  SetExchangeOptions(*options, &shown);
  WARREN_CHECK(*ToExchangeOptions(shown) == *options);
}

void Take(v1::QueueOptions& proto) {
  const auto options = ToQueueOptions(proto);
  if (!options.ok()) return CheckStatus(options.status());
  CheckName(options->dead_letter_exchange.value_or(""));
  CheckName(options->dead_letter_routing_key.value_or(""));
  CheckSpan(options->message_ttl_ms.value_or(0));
  CheckSpan(options->expires_ms.value_or(0));
  WARREN_CHECK(options->expires_ms != 0);
  WARREN_CHECK(options->deduplication_window_ms <= kMaxDeduplicationWindowMs);
  v1::QueueOptions shown;
  SetQueueOptions(*options, &shown);
  WARREN_CHECK(*ToQueueOptions(shown) == *options);
  if (!options->retry) return;
  CheckSpan(options->retry->initial_backoff_ms);
  CheckSpan(options->retry->max_backoff_ms);
  WARREN_CHECK(options->retry->max_attempts >= 1 && options->retry->multiplier >= 1);
  WARREN_CHECK(options->retry->jitter >= 0 && options->retry->jitter <= 1);
}

void Take(v1::Binding& proto) {
  const auto binding = TakeBinding(proto);
  if (!binding.ok()) return CheckStatus(binding.status());
  CheckName(binding->source);
  CheckName(binding->destination);
  CheckName(binding->key);
  CheckHeaders(binding->arguments);
  v1::Binding shown;
  SetBinding(*binding, &shown);
  const auto again = TakeBinding(shown);
  WARREN_CHECK(again.ok() && again->destination == binding->destination &&
               again->arguments == binding->arguments);
}

void Take(v1::Subscribe& proto) {
  for (v1::Binding& binding : *proto.mutable_bindings()) {
    const auto taken = TakeBindingTo("queue", binding);
    if (!taken.ok()) CheckStatus(taken.status());
  }
  Take(*proto.mutable_declare());
  const auto prefetch = ToPrefetch(proto.prefetch_messages(), proto.prefetch_bytes());
  if (!prefetch.ok()) return CheckStatus(prefetch.status());
  WARREN_CHECK(prefetch->messages >= 1 && prefetch->messages <= kMaxPrefetchMessages);
}

void Take(v1::Settle& proto) {
  const auto settlements = ToSettlements(proto.settlements());
  if (!settlements.ok()) return CheckStatus(settlements.status());
  for (const core::Settlement& settlement : *settlements) {
    WARREN_CHECK(!settlement.tags.empty() || settlement.up_to);
    if (!settlement.retry_delay_ms) continue;
    WARREN_CHECK(settlement.outcome == core::SettleOutcome::kRetry);
    CheckSpan(*settlement.retry_delay_ms);
  }
}

// A token is refused or is the one of its place; no place is more than a few numbers and a name.
void Take(v1::PeekQueueRequest& proto) {
  const auto size = PageSize(proto.page_size());
  if (!size.ok()) CheckStatus(size.status());
  WARREN_CHECK(!size.ok() || (*size >= 1 && *size <= kMaxPageSize));
  const auto only = ToEntryPlace(proto.state());
  if (!only.ok()) CheckStatus(only.status());
  for (const size_t numbers : {0, 1, 3}) {
    const auto place = ReadPageToken("entries", proto.page_token(), numbers);
    if (!place.ok()) {
      CheckStatus(place.status());
      continue;
    }
    WARREN_CHECK(place->numbers.size() == numbers);
    CheckName(place->text);
    WARREN_CHECK(proto.page_token().empty() ||
                 MakePageToken("entries", *place) == proto.page_token());
    if (numbers == 3) ToMark(place->numbers.data());
  }
}

template <typename Proto>
void Parse(std::string_view bytes) {
  Proto proto;
  if (proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) Take(proto);
}

void Convert(std::string_view bytes) {
  if (bytes.empty()) return;
  const char which = bytes.front();
  bytes.remove_prefix(1);
  switch (which) {
    case 0: return Parse<v1::PublishRequest>(bytes);
    case 1: return Parse<v1::ExchangeOptions>(bytes);
    case 2: return Parse<v1::QueueOptions>(bytes);
    case 3: return Parse<v1::Binding>(bytes);
    case 4: return Parse<v1::Subscribe>(bytes);
    case 5: return Parse<v1::Settle>(bytes);
    case 6: return Parse<v1::PeekQueueRequest>(bytes);
    default: return;
  }
}

}  // namespace
}  // namespace warren::api

void warren::fuzz::TestOne(Input& input) {
  // It would remark on every text that isn't UTF-8.
  static const auto remarks = google::protobuf::SetLogHandler(nullptr);
  (void)remarks;
  api::Convert(input.Rest());
}
