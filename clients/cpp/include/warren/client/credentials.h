// What a client shows to say who it is, for ConnectionOptions. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace grpc {
class ChannelCredentials;
}

namespace warren::client {

// Values of the header `authorization`. Without TLS they can be read on the way.
std::string BasicAuthorization(std::string_view user, std::string_view password);
std::string BearerAuthorization(std::string_view token);

// Files in PEM; "" is none.
struct TlsFiles {
  std::string ca;           // authorities that may vouch for the broker; "": the system's
  std::string certificate;  // the client's own
  std::string key;          // of `certificate`
};

// INVALID_ARGUMENT, TLS_FILE_INVALID, names the file that can't be read.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> TlsCredentials(const TlsFiles& files);

}  // namespace warren::client
