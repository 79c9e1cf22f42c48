// Headers, proto <-> storage. Hostile input: depth, size and NaN are checked on the way in.
// Pure functions; thread-safe.
#pragma once

#include <string>
#include <string_view>

#include <google/protobuf/map.h>

#include "absl/status/statusor.h"
#include "storage/value.h"
#include "warren/v1/message.pb.h"

namespace warren::api {

using ProtoHeaders = google::protobuf::Map<std::string, v1::HeaderValue>;

// Whether the broker alone writes this header: x-death, x-first-death-…, x-last-death-….
bool IsBrokerOwned(std::string_view header_name);

// Takes the values' text out of `headers`. Sorted by name. Nested deeper than 8, more than 64 KiB
// in all, a name over 255 bytes, NaN, or a malformed time: INVALID_ARGUMENT, reason
// HEADERS_INVALID or TIMESTAMP_INVALID.
absl::StatusOr<storage::Headers> TakeHeaders(ProtoHeaders& headers);

// The same, but leaves broker-owned headers out, and takes at most `max_headers`, those nested in
// lists and tables counted.
absl::StatusOr<storage::Headers> TakeMessageHeaders(ProtoHeaders& headers, size_t max_headers);

void SetHeaderValue(const storage::Value& value, v1::HeaderValue* proto);
void SetHeaders(const storage::Headers& headers, ProtoHeaders* proto);

}  // namespace warren::api
