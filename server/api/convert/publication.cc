#include "server/api/convert/publication.h"

#include <limits>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/api/convert/headers.h"
#include "server/api/convert/limits.h"
#include "server/base/error.h"

namespace warren::api {
namespace {

constexpr std::string_view kReason = "MESSAGE_INVALID";

bool HasProperties(const v1::Message& m) {
  return !m.message_id().empty() || !m.correlation_id().empty() || !m.reply_to().empty() ||
         !m.type().empty() || !m.app_id().empty() || !m.user_id().empty() ||
         !m.content_type().empty() || !m.content_encoding().empty() || m.has_timestamp() ||
         !m.headers().empty();
}

absl::Status TakeText(std::string_view field, std::string* from, std::string& to) {
  if (absl::Status status = CheckShortText(field, *from); !status.ok()) return status;
  to = std::move(*from);
  return absl::OkStatus();
}

absl::Status TakeProperties(v1::Message& proto, size_t max_headers,
                            storage::Properties& properties) {
  struct Text {
    std::string_view field;
    std::string* from;
    std::string& to;
  };
  for (const Text& text : {
           Text{"message_id", proto.mutable_message_id(), properties.message_id},
           Text{"correlation_id", proto.mutable_correlation_id(), properties.correlation_id},
           Text{"reply_to", proto.mutable_reply_to(), properties.reply_to},
           Text{"type", proto.mutable_type(), properties.type},
           Text{"app_id", proto.mutable_app_id(), properties.app_id},
           Text{"user_id", proto.mutable_user_id(), properties.user_id},
           Text{"content_type", proto.mutable_content_type(), properties.content_type},
           Text{"content_encoding", proto.mutable_content_encoding(), properties.content_encoding},
       }) {
    if (absl::Status s = TakeText(text.field, text.from, text.to); !s.ok()) return s;
  }
  if (proto.has_timestamp()) {
    const auto ms = TimestampMs("timestamp", proto.timestamp());
    if (!ms.ok()) return ms.status();
    properties.timestamp_ms = *ms;
  }
  auto headers = TakeMessageHeaders(*proto.mutable_headers(), max_headers);
  if (!headers.ok()) return headers.status();
  properties.headers = *std::move(headers);
  return absl::OkStatus();
}

}  // namespace

core::Publication PublicationReader::Take(v1::Publication& proto) const {
  core::Publication publication;
  publication.refused = TakeInto(proto, publication);
  if (!publication.refused.ok()) publication.message = nullptr;
  return publication;
}

std::vector<core::Publication> PublicationReader::TakeAll(
    google::protobuf::RepeatedPtrField<v1::Publication>& protos) const {
  std::vector<core::Publication> publications;
  publications.reserve(protos.size());
  for (v1::Publication& proto : protos) publications.push_back(Take(proto));
  return publications;
}

absl::Status PublicationReader::TakeInto(v1::Publication& proto,
                                         core::Publication& publication) const {
  if (!proto.has_message()) {
    return InvalidField("message", kReason, "message is required; an empty one has an empty body");
  }
  if (absl::Status s = CheckName("exchange", proto.exchange()); !s.ok()) return s;
  if (absl::Status s = CheckName("routing_key", proto.routing_key()); !s.ok()) return s;
  publication.mandatory = proto.mandatory();
  publication.resent = proto.resent();
  if (proto.has_delay()) {
    const auto delay = DurationMs("delay", proto.delay());
    if (!delay.ok()) return delay.status();
    publication.delay_ms = *delay;
  } else if (proto.has_deliver_at()) {
    const auto at = TimestampMs("deliver_at", proto.deliver_at());
    if (!at.ok()) return at.status();
    // What is not after the epoch lies in the past: at once.
    publication.deliver_at_ms = *at > 0 ? *at : 0;
  }
  publication.message = storage::MakeRef<storage::Message>();
  storage::Message& message = *publication.message;
  message.exchange = interner_.Intern(proto.exchange());
  message.routing_key = interner_.Intern(proto.routing_key());
  return TakeMessage(*proto.mutable_message(), message);
}

absl::Status PublicationReader::TakeMessage(v1::Message& proto, storage::Message& message) const {
  if (proto.body().size() > limits_.max_message_bytes) {
    return WithMetadata(
        Error(absl::StatusCode::kResourceExhausted, "MESSAGE_TOO_LARGE", {"message", "", ""},
              std::string(absl::StrCat("the body has ", proto.body().size(),
                                       " bytes, the broker takes at most ", limits_.max_message_bytes,
                                       "; split it, or raise --max-message-bytes"))),
        "max_message_bytes", std::to_string(limits_.max_message_bytes));
  }
  switch (proto.delivery_mode()) {
    case v1::DELIVERY_MODE_UNSPECIFIED:
    case v1::DELIVERY_MODE_TRANSIENT:
      break;
    case v1::DELIVERY_MODE_PERSISTENT:
      message.persistent = true;
      break;
    default:
      return InvalidField("delivery_mode", kReason,
                          absl::StrCat("delivery_mode ", static_cast<int>(proto.delivery_mode()),
                                       " is unknown; use TRANSIENT or PERSISTENT"));
  }
  constexpr uint32_t kMaxPriority = std::numeric_limits<uint8_t>::max();
  if (proto.priority() > kMaxPriority) {
    return InvalidField("priority", kReason,
                        absl::StrCat("priority is ", proto.priority(), "; it ranges from 0 to ",
                                     kMaxPriority));
  }
  message.priority = static_cast<uint8_t>(proto.priority());
  if (proto.has_expiration()) {
    const auto expiration = DurationMs("expiration", proto.expiration());
    if (!expiration.ok()) return expiration.status();
    message.expiration_ms = *expiration;
  }
  if (HasProperties(proto)) {
    auto properties = std::make_unique<storage::Properties>();
    if (absl::Status s = TakeProperties(proto, limits_.max_headers, *properties); !s.ok()) return s;
    // Headers that the broker alone writes may have been all there was.
    static const storage::Properties kUnset;
    if (*properties != kUnset) message.properties = std::move(properties);
  }
  message.body = storage::SharedString(std::move(*proto.mutable_body()));
  return absl::OkStatus();
}

absl::Status CheckBatchSize(int entries, int minimum) {
  if (entries >= minimum && entries <= kMaxBatchEntries) return absl::OkStatus();
  return InvalidField("publications", "BATCH_INVALID",
                      absl::StrCat("the batch has ", entries, " publications; it takes ", minimum,
                                   " to ", kMaxBatchEntries));
}

absl::Status CheckFirstSequence(uint64_t first_sequence, int entries) {
  constexpr uint64_t kLast = std::numeric_limits<int64_t>::max();
  if (first_sequence >= 1 && first_sequence <= kLast - entries) return absl::OkStatus();
  return InvalidField("first_sequence", "SEQUENCE_INVALID",
                      absl::StrCat("first_sequence is ", first_sequence,
                                   "; sequences start at 1 and stay below 2^63"));
}

}  // namespace warren::api
