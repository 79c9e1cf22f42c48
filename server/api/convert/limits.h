// Form of what clients send: names, durations, times. What these pass, the core takes for granted.
//
// Errors are INVALID_ARGUMENT and name the field, what was received, the limit and the remedy.
// Pure functions; thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace warren::api {

inline constexpr size_t kMaxNameBytes = 255;
inline constexpr size_t kMaxHeaderBytes = size_t{64} << 10;
inline constexpr int kMaxBatchEntries = 10'000;
inline constexpr size_t kMaxTagsInFrame = 65'536;  // no consumer has more unsettled
inline constexpr int64_t kMaxDurationMs = int64_t{100} * 365 * 24 * 3600 * 1000 +
                                          int64_t{25} * 24 * 3600 * 1000;  // 100 years
inline constexpr int64_t kMaxDeduplicationWindowMs = int64_t{7} * 24 * 3600 * 1000;
inline constexpr int64_t kMaxLeaseMs = int64_t{12} * 3600 * 1000;
inline constexpr uint32_t kMaxPrefetchMessages = 65'535;

// INVALID_ARGUMENT, about `field` of the request. `reason` as in google.rpc.ErrorInfo.
absl::Status InvalidField(std::string_view field, std::string_view reason,
                          std::string_view message);

// At most 255 bytes of UTF-8; reason NAME_INVALID.
absl::Status CheckName(std::string_view field, const std::string& name);

// The same, and not empty.
absl::Status CheckRequiredName(std::string_view field, const std::string& name);

// Any property that is text: at most 255 bytes of UTF-8; reason PROPERTY_INVALID.
absl::Status CheckShortText(std::string_view field, const std::string& text);

// Valid as Unicode's UTF-8, without surrogates and overlong forms.
bool IsUtf8(std::string_view text);

// Rounded to whole milliseconds. Negative, over 100 years or malformed: DURATION_INVALID.
absl::StatusOr<int64_t> DurationMs(std::string_view field,
                                   const google::protobuf::Duration& duration);

// Since the Unix epoch, rounded to whole milliseconds. Outside the years 1 to 9999 or malformed:
// TIMESTAMP_INVALID.
absl::StatusOr<int64_t> TimestampMs(std::string_view field,
                                    const google::protobuf::Timestamp& timestamp);

void SetDuration(int64_t ms, google::protobuf::Duration* duration);
void SetTimestamp(int64_t ms, google::protobuf::Timestamp* timestamp);

// "" is "/".
std::string VirtualHostName(const std::string& virtual_host);

}  // namespace warren::api
