#include "server/auth/token.h"

#include <cjose/cjose.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace warren::auth {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kNowMs = 1'700'000'000'000;

// Two keys, and tokens that they sign.
class TokenTest : public ::testing::Test {
 protected:
  TokenTest()
      : ec_(cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, nullptr)),
        rsa_(cjose_jwk_create_RSA_random(2048, nullptr, 0, nullptr)) {
    cjose_jwk_set_kid(ec_, "ec", 2, nullptr);
    keys_ = *KeySet::Parse("{\"keys\":[" + Json(ec_) + "," + Json(rsa_) + "]}");
  }
  ~TokenTest() override {
    cjose_jwk_release(ec_);
    cjose_jwk_release(rsa_);
  }

  static std::string Json(cjose_jwk_t* key, bool with_private = false) {
    char* text = cjose_jwk_to_json(key, with_private, nullptr);
    std::string json(text);
    free(text);
    return json;
  }

  static std::string Sign(cjose_jwk_t* key, const char* algorithm, const std::string& claims,
                          const char* key_id = nullptr) {
    cjose_header_t* header = cjose_header_new(nullptr);
    cjose_header_set(header, CJOSE_HDR_ALG, algorithm, nullptr);
    if (key_id != nullptr) cjose_header_set(header, CJOSE_HDR_KID, key_id, nullptr);
    cjose_jws_t* made = cjose_jws_sign(key, header, reinterpret_cast<const uint8_t*>(claims.data()),
                                       claims.size(), nullptr);
    const char* text = nullptr;
    cjose_jws_export(made, &text, nullptr);
    std::string token(text);
    cjose_jws_release(made);
    cjose_header_release(header);
    return token;
  }

  static std::string Claims(int64_t expires_at_s = kNowMs / 1000 + 60,
                            const std::string& more = "\"aud\":\"warren\"") {
    return "{\"sub\":\"anna\",\"exp\":" + std::to_string(expires_at_s) + "," + more + "}";
  }

  std::string FaultOf(const std::string& token, const TokenRules& rules = {}) {
    const auto facts = keys_->Check(token, rules, kNowMs);
    return facts.ok() ? "" : std::string(facts.status().message());
  }

  cjose_jwk_t* const ec_;
  cjose_jwk_t* const rsa_;
  std::shared_ptr<const KeySet> keys_;
};

TEST_F(TokenTest, BothAlgorithmsSpeakForTheirUser) {
  for (const std::string& token : {Sign(ec_, CJOSE_HDR_ALG_ES256, Claims(), "ec"),
                                   Sign(ec_, CJOSE_HDR_ALG_ES256, Claims()),
                                   Sign(rsa_, CJOSE_HDR_ALG_RS256, Claims())}) {
    const auto facts = keys_->Check(token, {}, kNowMs);
    ASSERT_TRUE(facts.ok()) << facts.status();
    EXPECT_EQ(facts->user, "anna");
    EXPECT_EQ(facts->expires_at_ms, kNowMs + 60'000);
  }
}

TEST_F(TokenTest, ClaimsHaveToFit) {
  const auto sign = [this](const std::string& claims) {
    return Sign(ec_, CJOSE_HDR_ALG_ES256, claims);
  };
  const int64_t later = kNowMs / 1000 + 60;
  EXPECT_THAT(FaultOf(sign(Claims(kNowMs / 1000))), HasSubstr("expired"));
  EXPECT_THAT(FaultOf(sign("{\"sub\":\"anna\",\"aud\":\"warren\"}")), HasSubstr("exp is missing"));
  EXPECT_THAT(FaultOf(sign("{\"sub\":\"anna\",\"aud\":\"warren\",\"exp\":\"9999999999\"}")),
              HasSubstr("exp is missing or no time"));
  EXPECT_THAT(FaultOf(sign(Claims(later, "\"aud\":\"other\""))), HasSubstr("audience"));
  EXPECT_THAT(FaultOf(sign(Claims(later, "\"aud\":[1,\"other\"]"))), HasSubstr("audience"));
  EXPECT_THAT(FaultOf(sign(Claims(later, "\"a\":1"))), HasSubstr("audience"));
  EXPECT_EQ(FaultOf(sign(Claims(later, "\"aud\":[\"other\",\"warren\"]"))), "");
  EXPECT_THAT(FaultOf(sign(Claims(later, "\"aud\":\"warren\",\"nbf\":" + std::to_string(later)))),
              HasSubstr("nbf"));
  EXPECT_THAT(FaultOf(sign(Claims()), {.issuer = "us"}), HasSubstr("issuer"));
  EXPECT_EQ(FaultOf(sign(Claims(later, "\"aud\":\"warren\",\"iss\":\"us\"")), {.issuer = "us"}), "");
  EXPECT_THAT(FaultOf(sign(Claims()), {.user_claim = "email"}), HasSubstr("names no user"));
  EXPECT_THAT(FaultOf(sign("[]")), HasSubstr("no JSON object"));
  EXPECT_THAT(FaultOf(sign("not json")), HasSubstr("no JSON object"));
}

TEST_F(TokenTest, ForgedTokensAreRefused) {
  cjose_jwk_t* stranger = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, nullptr);
  EXPECT_THAT(FaultOf(Sign(stranger, CJOSE_HDR_ALG_ES256, Claims())), HasSubstr("fits none"));
  EXPECT_THAT(FaultOf(Sign(stranger, CJOSE_HDR_ALG_ES256, Claims(), "ec")), HasSubstr("fits none"));
  cjose_jwk_release(stranger);
  // Signed with the public key as if it were a secret.
  const std::string open = Json(rsa_);
  cjose_jwk_t* secret = cjose_jwk_create_oct_spec(reinterpret_cast<const uint8_t*>(open.data()),
                                                  open.size(), nullptr);
  EXPECT_THAT(FaultOf(Sign(secret, CJOSE_HDR_ALG_HS256, Claims())), HasSubstr("neither RS256"));
  cjose_jwk_release(secret);
  EXPECT_THAT(FaultOf(Sign(rsa_, CJOSE_HDR_ALG_PS256, Claims())), HasSubstr("neither RS256"));
  const std::string good = Sign(ec_, CJOSE_HDR_ALG_ES256, Claims());
  for (size_t i = 0; i < good.size(); i += 7) {
    std::string bad = good;
    bad[i] = bad[i] == 'A' ? 'B' : 'A';
    if (bad.substr(0, good.size() - 4) == good.substr(0, good.size() - 4)) continue;
    EXPECT_NE(FaultOf(bad), "") << i;
  }
  // {"alg":"none"}, with and without a signature.
  const std::string body = good.substr(good.find('.'), good.rfind('.') - good.find('.') + 1);
  EXPECT_NE(FaultOf("eyJhbGciOiJub25lIn0" + body), "");
  EXPECT_NE(FaultOf("eyJhbGciOiJub25lIn0" + body + good.substr(good.rfind('.') + 1)), "");
  for (const char* odd : {"", ".", "..", "...", "a.b.c", "a.b.c.d.e", "eyJ9..", "\xff"}) {
    EXPECT_NE(FaultOf(odd), "") << odd;
  }
}

TEST_F(TokenTest, OnlyKeysForSignaturesCount) {
  const auto parse = [](const std::string& json) { return KeySet::Parse(json).status().ok(); };
  EXPECT_FALSE(parse(""));
  EXPECT_FALSE(parse("{}"));
  EXPECT_FALSE(parse("{\"keys\":[]}"));
  EXPECT_FALSE(parse("{\"keys\":[1,\"x\",{},{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}]}"));
  cjose_jwk_t* small = cjose_jwk_create_RSA_random(1024, nullptr, 0, nullptr);
  EXPECT_FALSE(parse("{\"keys\":[" + Json(small) + "]}"));
  cjose_jwk_release(small);
  cjose_jwk_t* other = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_521, nullptr);
  EXPECT_FALSE(parse("{\"keys\":[" + Json(other) + "]}"));
  cjose_jwk_release(other);
  std::string encrypting = Json(ec_);
  encrypting.insert(1, "\"use\":\"enc\",");
  EXPECT_FALSE(parse("{\"keys\":[" + encrypting + "]}"));
}

}  // namespace
}  // namespace warren::auth
