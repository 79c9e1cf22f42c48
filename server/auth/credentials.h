// What a client shows to say who it is: the header `authorization`, or names in its certificate.
//
// Pure functions; thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/auth/stats.h"

namespace warren::auth {

struct Credentials {
  std::string authorization;              // "": there was none
  std::vector<std::string> certificates;  // see User::certificates; verified by TLS
  std::string address;                    // of the client's machine, without its port
};

// The header decides; a certificate counts where there is none.
Mechanism MechanismOf(const Credentials& credentials);

struct BasicLogin {
  std::string user;
  std::string password;
};
// Reads "Basic BASE64(user:password)". INVALID_ARGUMENT, without the text.
absl::StatusOr<BasicLogin> ParseBasic(std::string_view authorization);

// The token in "Bearer TOKEN"; "" if there is none.
std::string_view ParseBearer(std::string_view authorization);

// From gRPC's name of a peer: "ipv4:10.0.0.1:4711" and "ipv6:%5B2001:db8::1%5D:4711" give
// "10.0.0.1" and "2001:db8::1".
std::string AddressOf(std::string_view peer);

}  // namespace warren::auth
