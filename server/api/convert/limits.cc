#include "server/api/convert/limits.h"

#include "absl/strings/str_cat.h"
#include "server/base/error.h"

namespace warren::api {
namespace {

constexpr int64_t kNanosPerMs = 1'000'000;
constexpr int64_t kNanosPerSecond = 1'000'000'000;
// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z.
constexpr int64_t kFirstSecond = -62'135'596'800;
constexpr int64_t kLastSecond = 253'402'300'799;

absl::string_view Absl(std::string_view s) { return {s.data(), s.size()}; }

absl::Status CheckText(std::string_view field, std::string_view reason, const std::string& text) {
  if (text.size() > kMaxNameBytes) {
    return InvalidField(field, reason,
                        absl::StrCat(Absl(field), " is ", text.size(), " bytes long; at most ",
                                     kMaxNameBytes, " are allowed"));
  }
  if (!IsUtf8(text)) {
    return InvalidField(field, reason, absl::StrCat(Absl(field), " is not valid UTF-8"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status InvalidField(std::string_view field, std::string_view reason,
                          std::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, reason, {"field", field, ""}, message);
}

bool IsUtf8(std::string_view text) {
  const auto* p = reinterpret_cast<const unsigned char*>(text.data());
  const auto* const end = p + text.size();
  while (p < end) {
    const unsigned char lead = *p++;
    if (lead < 0x80) continue;
    const int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4 || end - p < more) return false;
    // The second byte's range rules out overlong forms, surrogates and what is above U+10FFFF.
    const unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (*p < low || *p > high) return false;
    for (int i = 1; i < more; ++i) {
      if ((p[i] & 0xc0) != 0x80) return false;
    }
    p += more;
  }
  return true;
}

absl::Status CheckName(std::string_view field, const std::string& name) {
  return CheckText(field, "NAME_INVALID", name);
}

absl::Status CheckRequiredName(std::string_view field, const std::string& name) {
  if (name.empty()) {
    return InvalidField(field, "NAME_INVALID", absl::StrCat(Absl(field), " is required"));
  }
  return CheckName(field, name);
}

absl::Status CheckShortText(std::string_view field, const std::string& text) {
  return CheckText(field, "PROPERTY_INVALID", text);
}

absl::StatusOr<int64_t> DurationMs(std::string_view field,
                                   const google::protobuf::Duration& duration) {
  const int64_t seconds = duration.seconds();
  const int64_t nanos = duration.nanos();
  if (seconds < 0 || nanos < 0 || nanos >= kNanosPerSecond || seconds > kMaxDurationMs / 1000 ||
      seconds * 1000 + nanos / kNanosPerMs > kMaxDurationMs) {
    return InvalidField(field, "DURATION_INVALID",
                        absl::StrCat(Absl(field), " is ", seconds, " s and ", nanos,
                                     " ns; it must be between 0 and 100 years, with nanos below "
                                     "1,000,000,000"));
  }
  return seconds * 1000 + (nanos + kNanosPerMs / 2) / kNanosPerMs;
}

absl::StatusOr<int64_t> TimestampMs(std::string_view field,
                                    const google::protobuf::Timestamp& timestamp) {
  const int64_t seconds = timestamp.seconds();
  const int64_t nanos = timestamp.nanos();
  if (seconds < kFirstSecond || seconds > kLastSecond || nanos < 0 || nanos >= kNanosPerSecond) {
    return InvalidField(field, "TIMESTAMP_INVALID",
                        absl::StrCat(Absl(field), " is ", seconds, " s and ", nanos,
                                     " ns; it must lie in the years 1 to 9999, with nanos between "
                                     "0 and 999,999,999"));
  }
  return seconds * 1000 + (nanos + kNanosPerMs / 2) / kNanosPerMs;
}

void SetDuration(int64_t ms, google::protobuf::Duration* duration) {
  duration->set_seconds(ms / 1000);
  duration->set_nanos(static_cast<int32_t>(ms % 1000 * kNanosPerMs));
}

void SetTimestamp(int64_t ms, google::protobuf::Timestamp* timestamp) {
  // Nanos count forward, also before the epoch.
  int64_t seconds = ms / 1000;
  int64_t rest = ms % 1000;
  if (rest < 0) {
    rest += 1000;
    --seconds;
  }
  timestamp->set_seconds(seconds);
  timestamp->set_nanos(static_cast<int32_t>(rest * kNanosPerMs));
}

std::string VirtualHostName(const std::string& virtual_host) {
  return virtual_host.empty() ? "/" : virtual_host;
}

}  // namespace warren::api
