#include "server/config/file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace warren::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string FaultIn(const std::string& text) {
  const auto values = ParseConfigFile(text, "warren.yaml");
  return values.ok() ? "" : std::string(values.status().message());
}

TEST(ConfigFile, SectionsHoldValuesListsAndMaps) {
  const auto values = ParseConfigFile(
      "server:\n  listen: 127.0.0.1:1\n  virtual_host: [a, b]\nlog:\n  levels: {auth: debug}\n"
      "tls:\n", "warren.yaml");
  ASSERT_TRUE(values.ok()) << values.status();
  EXPECT_EQ(values->size(), 3);
  EXPECT_THAT(values->at("server.listen").values, ElementsAre("127.0.0.1:1"));
  EXPECT_THAT(values->at("server.virtual_host").values, ElementsAre("a", "b"));
  EXPECT_THAT(values->at("log.levels").values, ElementsAre("auth=debug"));
  EXPECT_EQ(values->at("log.levels").line, 5);
}

TEST(ConfigFile, AnEmptyFileSaysNothing) { EXPECT_TRUE(ParseConfigFile("", "f")->empty()); }

TEST(ConfigFile, ErrorsNameTheLine) {
  EXPECT_THAT(FaultIn("server:\n  listen: [a, {b: c}]\n"), HasSubstr("warren.yaml:2: server.listen"));
  EXPECT_THAT(FaultIn("server: 7171\n"), HasSubstr("warren.yaml:1: \"server\" is no section"));
  EXPECT_THAT(FaultIn("server:\n  http: a\n  http: b\n"), HasSubstr("warren.yaml:3: server.http"));
  EXPECT_THAT(FaultIn("a: {b: ]\n"), HasSubstr("warren.yaml:1"));
  EXPECT_THAT(FaultIn("- a\n"), HasSubstr("expected sections"));
}

TEST(ConfigFile, HostileTextsAreRefused) {
  EXPECT_NE(FaultIn("a: {b: " + std::string(100'000, '[')), "");
  std::string bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n";
  for (char c = 'b'; c < 'm'; ++c) {
    const std::string before(1, static_cast<char>(c - 1));
    bomb += std::string(1, c) + ": &" + c + " [";
    for (int i = 0; i < 10; ++i) bomb += (i > 0 ? ", *" : "*") + before;
    bomb += "]\n";
  }
  EXPECT_NE(FaultIn(bomb), "");
}

TEST(ConfigFile, FilesAreLimitedInSize) {
  const std::string path = ::testing::TempDir() + "/large.yaml";
  std::ofstream(path) << std::string((1 << 20) + 1, '#');
  EXPECT_THAT(std::string(ReadConfigFile(path).status().message()), HasSubstr("is larger than"));
  EXPECT_THAT(std::string(ReadConfigFile(path + ".absent").status().message()),
              HasSubstr("can't read"));
}

}  // namespace
}  // namespace warren::config
