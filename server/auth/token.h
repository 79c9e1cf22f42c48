// Tokens: JSON Web Tokens signed with RS256 or ES256, checked against a key set.
//
// Rules beyond RFC 7519's (after RFC 8725, best current practices): the algorithm has to be one of
// the two and that of the key, never what the token asks for; exp, aud and the user's claim are
// required; the keys are the file's, never those a token brings.
//
// KeySet: immutable once made; thread-compatible (cjose counts references without atomics).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

struct _cjose_jwk_int;

namespace warren::auth {

struct TokenRules {
  std::string audience = "warren";  // one of aud
  std::string issuer;               // iss; "": any
  std::string user_claim = "sub";
};

struct TokenFacts {
  std::string user;
  int64_t expires_at_ms = 0;  // since the Unix epoch
};

class KeySet {
 public:
  // Reads a JWKS: RSA keys of 2048 bits or more, and EC keys on P-256. Others are passed over;
  // INVALID_ARGUMENT if none is left, or it is no JWKS.
  static absl::StatusOr<std::shared_ptr<const KeySet>> Parse(const std::string& json);
  ~KeySet();
  KeySet(const KeySet&) = delete;
  KeySet& operator=(const KeySet&) = delete;

  // Who the token speaks for. UNAUTHENTICATED says which rule it breaks, and nothing of its content.
  absl::StatusOr<TokenFacts> Check(std::string_view token, const TokenRules& rules,
                                   int64_t now_ms) const;

 private:
  struct Key {
    std::string id;  // "": none
    std::string algorithm;
    _cjose_jwk_int* key;
  };

  KeySet() = default;
  // The signed content, if one of the keys fits.
  absl::StatusOr<std::string> Verify(std::string_view token) const;

  std::vector<Key> keys_;
};

}  // namespace warren::auth
