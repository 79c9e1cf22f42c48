#include "server/auth/password.h"

#include <gtest/gtest.h>

namespace warren::auth {
namespace {

TEST(Password, OnlyTheRightOneMatchesItsHash) {
  ASSERT_TRUE(InitialisePasswords());
  const std::string hash = HashPassword("correct horse");
  EXPECT_TRUE(hash.starts_with("$argon2id$v=19$m=65536,t=2,p=1$")) << hash;
  EXPECT_TRUE(IsPasswordHash(hash));
  EXPECT_TRUE(PasswordMatches(hash, "correct horse"));
  EXPECT_FALSE(PasswordMatches(hash, "correct horsf"));
  EXPECT_FALSE(PasswordMatches(hash, ""));
  EXPECT_NE(HashPassword("correct horse"), hash) << "no salt";
}

TEST(Password, RabbitMqsHashesCount) {
  ASSERT_TRUE(InitialisePasswords());
  // The example of RabbitMQ's documentation on passwords: "test12" with salt 908DC60A.
  const std::string hash = "rabbitmq-sha256:kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR";
  EXPECT_TRUE(IsPasswordHash(hash));
  EXPECT_TRUE(PasswordMatches(hash, "test12"));
  EXPECT_FALSE(PasswordMatches(hash, "test13"));
}

TEST(Password, WhatIsNoHashOrAsksForTooMuchIsNone) {
  ASSERT_TRUE(InitialisePasswords());
  for (const char* text : {"", "secret", "$argon2id$", "$argon2i$v=19$m=65536,t=2,p=1$c2FsdA$aGFzaA",
                           "$argon2id$v=19$m=4294967295,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$"
                           "aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g",
                           "rabbitmq-sha256:", "rabbitmq-sha256:AAAA"}) {
    EXPECT_FALSE(IsPasswordHash(text)) << text;
    EXPECT_FALSE(PasswordMatches(text, "secret")) << text;
  }
}

}  // namespace
}  // namespace warren::auth
