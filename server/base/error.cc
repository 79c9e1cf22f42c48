#include "server/base/error.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace warren {
namespace {

// Status payloads are named by URL; ours are the metadata's keys under this prefix.
constexpr std::string_view kPrefix = "warren/";
constexpr std::string_view kReason = "warren/reason";

absl::string_view Absl(std::string_view s) { return {s.data(), s.size()}; }

void SetPayload(absl::Status& status, std::string_view url, std::string_view value) {
  status.SetPayload(Absl(url), absl::Cord(Absl(value)));
}

}  // namespace

absl::Status Error(absl::StatusCode code, std::string_view reason, const Subject& subject,
                   std::string_view message) {
  absl::Status status(code, Absl(message));
  SetPayload(status, kReason, reason);
  status = WithMetadata(std::move(status), "kind", subject.kind);
  status = WithMetadata(std::move(status), "name", subject.name);
  return WithMetadata(std::move(status), "virtual_host", subject.virtual_host);
}

absl::Status WithMetadata(absl::Status status, std::string_view key, std::string_view value) {
  SetPayload(status, absl::StrCat(Absl(kPrefix), Absl(key)), value);
  return status;
}

ErrorInfo ErrorInfoOf(const absl::Status& status) {
  ErrorInfo info{.reason = "UNKNOWN", .metadata = {}};
  status.ForEachPayload([&info](absl::string_view url, const absl::Cord& value) {
    const std::string_view name(url.data(), url.size());
    if (name == kReason) {
      info.reason = std::string(value);
    } else if (name.substr(0, kPrefix.size()) == kPrefix) {
      info.metadata.emplace(name.substr(kPrefix.size()), std::string(value));
    }
  });
  return info;
}

std::string Describe(const Subject& subject) {
  return absl::StrCat(Absl(subject.kind), " \"", Absl(subject.name), "\" in \"",
                      Absl(subject.virtual_host), "\"");
}

}  // namespace warren
