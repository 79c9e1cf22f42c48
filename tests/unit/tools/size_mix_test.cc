#include "tools/bench/size_mix.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace warren::tools {
namespace {

TEST(SizeMix, OneSizeIsAlwaysDrawn) {
  const auto mix = SizeMix::Parse("1024");
  ASSERT_TRUE(mix.ok());
  std::mt19937_64 random(1);
  EXPECT_EQ(mix->sizes(), std::vector<size_t>{1024});
  EXPECT_EQ(mix->Draw(random), 0u);
  EXPECT_EQ(mix->mean_bytes(), 1024);
}

TEST(SizeMix, SizesAreDrawnByTheirShares) {
  const auto mix = SizeMix::Parse("8,1000:3");
  ASSERT_TRUE(mix.ok());
  EXPECT_EQ(mix->mean_bytes(), 752);
  std::mt19937_64 random(7);
  std::map<size_t, int> drawn;
  for (int i = 0; i < 100'000; ++i) ++drawn[mix->sizes()[mix->Draw(random)]];
  EXPECT_EQ(drawn.size(), 2u);
  EXPECT_NEAR(drawn[8], 25'000, 1'000);
}

TEST(SizeMix, RefusesWhatIsNoSizeOrShare) {
  for (const char* text : {"", "7", "x", "100,", ",100", "100:", "100:0", "100:x", "100:1:1", "-100",
                           "2000000000", "100 ", "100:1000001"}) {
    const auto mix = SizeMix::Parse(text);
    EXPECT_TRUE(absl::IsInvalidArgument(mix.status())) << text;
  }
}

}  // namespace
}  // namespace warren::tools
