// Errors that a client sees: an absl::Status that also carries what google.rpc.ErrorInfo will say.
//
// Which failure is what (CONTRIBUTING.md has the table): a programmer's mistake is a WARREN_CHECK,
// a client's is a status made here, the environment's is a status and a retry or a stop.
// Pure functions; thread-safe.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace warren {

// What an error is about. `kind` is queue, exchange, binding, consumer, ….
struct Subject {
  std::string_view kind;
  std::string_view name;
  std::string_view virtual_host;
};

// `reason` is UPPER_SNAKE and stable, for programs; `message` is for people and says what, which
// object, which limit and what to do.
absl::Status Error(absl::StatusCode code, std::string_view reason, const Subject& subject,
                   std::string_view message);

// As it goes into google.rpc.ErrorInfo.
struct ErrorInfo {
  std::string reason;  // "UNKNOWN" if the status wasn't made by Error
  std::map<std::string, std::string> metadata;
};
ErrorInfo ErrorInfoOf(const absl::Status& status);

// `status` with one more entry in its metadata, such as the index of an entry in a batch.
absl::Status WithMetadata(absl::Status status, std::string_view key, std::string_view value);

// queue "orders" in "/" — the way all messages name an object.
std::string Describe(const Subject& subject);

}  // namespace warren
