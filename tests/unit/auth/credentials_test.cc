#include "server/auth/credentials.h"

#include <gtest/gtest.h>

namespace warren::auth {
namespace {

TEST(Credentials, BasicHoldsUserAndPassword) {
  const auto login = ParseBasic("Basic YW5uYTpzOmVjcmV0");
  ASSERT_TRUE(login.ok());
  EXPECT_EQ(login->user, "anna");
  EXPECT_EQ(login->password, "s:ecret");
  EXPECT_TRUE(ParseBasic("bAsIc  YTo=").ok());
  EXPECT_TRUE(ParseBasic("Basic YTo").ok());  // without padding
}

TEST(Credentials, WhatIsNotBasicIsRefusedWithoutItsText) {
  for (const char* text : {"", "Basic", "Basic ", "Basic !!!!", "Basic YW5uYQ==", "Digest YTpi",
                           "BasicYTpi", "Basic YTpi YTpi"}) {
    const auto login = ParseBasic(text);
    EXPECT_FALSE(login.ok()) << text;
    EXPECT_EQ(login.status().message().find("YTpi"), std::string::npos);
  }
  EXPECT_FALSE(ParseBasic("Basic " + std::string(10'000, 'A')).ok());
}

TEST(Credentials, TheHeaderDecidesOverTheCertificate) {
  EXPECT_EQ(MechanismOf({}), Mechanism::kNone);
  EXPECT_EQ(MechanismOf({.certificates = {"cn:a"}}), Mechanism::kCertificate);
  EXPECT_EQ(MechanismOf({.authorization = "Bearer x", .certificates = {"cn:a"}}), Mechanism::kBearer);
  EXPECT_EQ(MechanismOf({.authorization = "odd", .certificates = {"cn:a"}}), Mechanism::kBasic);
}

TEST(Credentials, AddressesLoseTheirPorts) {
  EXPECT_EQ(AddressOf("ipv4:10.0.0.1:4711"), "10.0.0.1");
  EXPECT_EQ(AddressOf("ipv6:%5B2001:db8::1%5D:4711"), "2001:db8::1");
  EXPECT_EQ(AddressOf("ipv6:[::1]:4711"), "::1");
  EXPECT_EQ(AddressOf("unix:/run/warren"), "unix:/run/warren");
}

}  // namespace
}  // namespace warren::auth
