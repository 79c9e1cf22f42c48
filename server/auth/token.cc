#include "server/auth/token.h"

#include <cjose/cjose.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace warren::auth {
namespace {

using Json = nlohmann::json;

constexpr size_t kMinRsaBits = 2048;
constexpr size_t kMaxKeys = 100;
constexpr int64_t kMaxSeconds = int64_t{1} << 40;

absl::Status Refused(std::string_view why) {
  return absl::UnauthenticatedError(absl::string_view(why.data(), why.size()));
}

// "" if it is no text.
std::string Text(const Json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_string() ? it->get<std::string>() : "";
}

// What a key is for, by its kind; "" if not for tokens.
std::string AlgorithmOf(const cjose_jwk_t* key) {
  cjose_err error;
  switch (cjose_jwk_get_kty(key, &error)) {
    case CJOSE_JWK_KTY_RSA:
      return cjose_jwk_get_keysize(key, &error) >= kMinRsaBits ? CJOSE_HDR_ALG_RS256 : "";
    case CJOSE_JWK_KTY_EC:
      return cjose_jwk_EC_get_curve(key, &error) == CJOSE_JWK_EC_P_256 ? CJOSE_HDR_ALG_ES256 : "";
    default:
      return "";
  }
}

// Whole seconds in `name`, which has to be there if `required`.
absl::StatusOr<int64_t> Seconds(const Json& claims, const char* name, bool required) {
  const auto it = claims.find(name);
  if (it == claims.end() && !required) return 0;
  const double seconds =
      it != claims.end() && it->is_number() ? it->get<double>() : static_cast<double>(-1);
  if (seconds >= 0 && seconds < static_cast<double>(kMaxSeconds)) {
    return static_cast<int64_t>(seconds);
  }
  return Refused(std::string(absl::StrCat("the token's ", name, " is missing or no time")));
}

bool Names(const Json& claims, const std::string& audience) {
  const auto it = claims.find("aud");
  if (it == claims.end()) return false;
  if (it->is_string()) return it->get<std::string>() == audience;
  if (!it->is_array()) return false;
  for (const Json& entry : *it) {
    if (entry.is_string() && entry.get<std::string>() == audience) return true;
  }
  return false;
}

absl::StatusOr<TokenFacts> CheckClaims(const Json& claims, const TokenRules& rules,
                                       int64_t now_ms) {
  const auto expires = Seconds(claims, "exp", true);
  if (!expires.ok()) return expires.status();
  const auto not_before = Seconds(claims, "nbf", false);
  if (!not_before.ok()) return not_before.status();
  if (*expires * 1000 <= now_ms) return Refused("the token has expired");
  if (*not_before * 1000 > now_ms) return Refused("the token doesn't count yet (nbf)");
  if (!Names(claims, rules.audience)) return Refused("the token is for another audience (aud)");
  if (!rules.issuer.empty() && Text(claims, "iss") != rules.issuer) {
    return Refused("the token is another issuer's (iss)");
  }
  std::string user = Text(claims, rules.user_claim.c_str());
  if (user.empty()) return Refused("the token names no user");
  return TokenFacts{.user = std::move(user), .expires_at_ms = *expires * 1000};
}

}  // namespace

absl::StatusOr<std::shared_ptr<const KeySet>> KeySet::Parse(const std::string& json) {
  const Json set = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!set.is_object() || !set.contains("keys") || !set["keys"].is_array()) {
    return absl::InvalidArgumentError("no JSON Web Key Set: expected {\"keys\": […]}");
  }
  const std::shared_ptr<KeySet> keys(new KeySet());
  for (const Json& entry : set["keys"]) {
    if (!entry.is_object() || keys->keys_.size() >= kMaxKeys) continue;
    const std::string use = Text(entry, "use");
    if (!use.empty() && use != "sig") continue;
    const std::string text = entry.dump(-1, ' ', false, Json::error_handler_t::replace);
    cjose_err error;
    cjose_jwk_t* key = cjose_jwk_import(text.data(), text.size(), &error);
    if (key == nullptr) continue;
    const std::string algorithm = AlgorithmOf(key);
    const std::string claimed = Text(entry, "alg");
    if (algorithm.empty() || (!claimed.empty() && claimed != algorithm)) {
      cjose_jwk_release(key);
      continue;
    }
    keys->keys_.push_back({.id = Text(entry, "kid"), .algorithm = algorithm, .key = key});
  }
  if (keys->keys_.empty()) {
    return absl::InvalidArgumentError(
        "the key set has no key to check tokens with: RSA of 2048 bits or more for RS256, or EC on "
        "P-256 for ES256");
  }
  return std::shared_ptr<const KeySet>(keys);
}

KeySet::~KeySet() {
  for (const Key& key : keys_) cjose_jwk_release(key.key);
}

absl::StatusOr<std::string> KeySet::Verify(std::string_view token) const {
  cjose_err error;
  const std::unique_ptr<cjose_jws_t, void (*)(cjose_jws_t*)> signed_token(
      cjose_jws_import(token.data(), token.size(), &error), cjose_jws_release);
  if (signed_token == nullptr) return Refused("the token is no signed JSON Web Token");
  cjose_header_t* header = cjose_jws_get_protected(signed_token.get());
  const char* algorithm = cjose_header_get(header, CJOSE_HDR_ALG, &error);
  const char* id = cjose_header_get(header, CJOSE_HDR_KID, &error);
  const std::string wanted = algorithm == nullptr ? "" : algorithm;
  if (wanted != CJOSE_HDR_ALG_RS256 && wanted != CJOSE_HDR_ALG_ES256) {
    return Refused("the token is signed with neither RS256 nor ES256");
  }
  for (const Key& key : keys_) {
    if (key.algorithm != wanted || (id != nullptr && !key.id.empty() && key.id != id)) continue;
    if (!cjose_jws_verify(signed_token.get(), key.key, &error)) continue;
    uint8_t* content = nullptr;
    size_t size = 0;
    if (!cjose_jws_get_plaintext(signed_token.get(), &content, &size, &error)) break;
    return std::string(reinterpret_cast<const char*>(content), size);
  }
  return Refused("the token's signature fits none of the keys");
}

absl::StatusOr<TokenFacts> KeySet::Check(std::string_view token, const TokenRules& rules,
                                         int64_t now_ms) const {
  const absl::StatusOr<std::string> content = Verify(token);
  if (!content.ok()) return content.status();
  const Json claims = Json::parse(*content, nullptr, /*allow_exceptions=*/false);
  if (!claims.is_object()) return Refused("the token's content is no JSON object");
  return CheckClaims(claims, rules, now_ms);
}

}  // namespace warren::auth
