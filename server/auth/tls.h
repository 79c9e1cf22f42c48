// TLS for the listener, with certificates that are read anew when their files change.
//
// Each handshake looks whether the files are the same as at the last one. What is new is checked
// first (certificate and key fit, it hasn't expired); if it is no good that is logged and what was
// there before still counts. Handshakes run on the loop's thread; looking takes microseconds.
#pragma once

#include <grpcpp/security/server_credentials.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/auth/stats.h"

namespace warren::auth {

enum class ClientCertificates { kNone, kOptional, kRequired };

struct TlsFiles {
  std::string certificate;
  std::string key;
  std::string client_ca;  // "": none
  ClientCertificates client_certificates = ClientCertificates::kOptional;
};

// INVALID_ARGUMENT or NOT_FOUND names the file and what is wrong in it. `stats` must outlive the
// credentials.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeTlsCredentials(TlsFiles files,
                                                                            Stats& stats);

// When the first of these certificates expires, in seconds since the Unix epoch. INVALID_ARGUMENT if
// `chain` holds none, or the key isn't the first one's. Both PEM.
absl::StatusOr<int64_t> CheckCertificate(const std::string& chain, const std::string& key);

}  // namespace warren::auth
