#include "server/auth/users_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/auth/password.h"

namespace warren::auth {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string FaultIn(const std::string& text) {
  const auto users = ParseUsers(text, "users.yaml");
  return users.ok() ? "" : std::string(users.status().message());
}

TEST(UsersFile, HoldsHashesCertificatesTagsAndPatterns) {
  ASSERT_TRUE(InitialisePasswords());
  const auto users = ParseUsers(
      "users:\n  anna:\n"
      "    password_hash: rabbitmq-sha256:kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR\n"
      "    certificates: [cn:anna, dns:anna.example]\n    tags: [administrator]\n"
      "    virtual_hosts:\n      /: {configure: ^a, write: '.*'}\n      other: {read: b}\n"
      "  bert:\n", "users.yaml");
  ASSERT_TRUE(users.ok()) << users.status();
  EXPECT_EQ((*users)->users().size(), 2U);
  const User* anna = (*users)->Find("anna");
  ASSERT_NE(anna, nullptr);
  EXPECT_THAT(anna->tags, ElementsAre("administrator"));
  EXPECT_TRUE(anna->virtual_hosts.at("/").write.matches_all());
  EXPECT_FALSE(anna->virtual_hosts.at("/").read.Matches("a"));
  EXPECT_TRUE(anna->virtual_hosts.at("other").read.Matches("abc"));
  EXPECT_EQ((*users)->FindByCertificate({"cn:nobody", "dns:anna.example"}), anna);
  EXPECT_EQ((*users)->FindByCertificate({"cn:nobody"}), nullptr);
  EXPECT_NE((*users)->Find("bert"), nullptr);
  EXPECT_EQ((*users)->Find("carl"), nullptr);
}

TEST(UsersFile, MistakesAreNamedWithTheirLine) {
  EXPECT_THAT(FaultIn("user: {}\n"), HasSubstr("users.yaml:1: the file: unknown \"user\""));
  EXPECT_THAT(FaultIn("users:\n  a:\n    passwort: x\n"), HasSubstr("users.yaml:3: user \"a\": unknown"));
  EXPECT_THAT(FaultIn("users:\n  a: {virtual_hosts: {/: {read: '('}}}\n"),
              HasSubstr("users.yaml:2: read: \"(\" is no pattern"));
  EXPECT_THAT(FaultIn("users:\n  a: {password_hash: secret}\n"), HasSubstr("password_hash is none"));
  EXPECT_EQ(FaultIn("users:\n  a: {password_hash: secret}\n").find("secret"), std::string::npos);
  EXPECT_THAT(FaultIn("users:\n  a: {}\n  a: {}\n"), HasSubstr("there twice"));
  EXPECT_THAT(FaultIn("users:\n  a: {certificates: [cn:x]}\n  b: {certificates: [cn:x]}\n"),
              HasSubstr("of two users"));
  EXPECT_THAT(FaultIn("users:\n  a: {certificates: [x]}\n"), HasSubstr("neither cn:"));
  EXPECT_THAT(FaultIn("users:\n  'a:b': {}\n"), HasSubstr("no colon"));
  EXPECT_NE(FaultIn(""), "");
  EXPECT_NE(FaultIn("users: [a]\n"), "");
  EXPECT_NE(FaultIn("users: {a: " + std::string(50'000, '[')), "");
}

}  // namespace
}  // namespace warren::auth
