#include "storage/shared_string.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace warren::storage {
namespace {

TEST(SharedString, HoldsTextsOfAnySize) {
  for (const size_t size : {size_t{0}, size_t{1}, SharedString::kMostCopied - 1,
                            SharedString::kMostCopied, SharedString::kMostCopied + 1,
                            size_t{1} << 20}) {
    std::string text(size, 'x');
    if (size > 0) text.back() = '\0';
    const SharedString shared(text);
    SharedString other = shared;
    EXPECT_EQ(other.view(), text) << size;
    EXPECT_EQ(other.str(), text) << size;
    EXPECT_EQ(other.size(), size);
    EXPECT_EQ(other.empty(), size == 0);
    EXPECT_EQ(other.view().data(), shared.view().data()) << "shared, not copied";
    EXPECT_EQ(other, SharedString(text)) << "equal by content";
    other = SharedString("another");
    EXPECT_EQ(shared.view(), text) << "immutable";
    EXPECT_FALSE(other == shared);
  }
}

TEST(SharedString, TakesALongTextOver) {
  std::string text(SharedString::kMostCopied + 1, 'x');
  const char* const characters = text.data();
  EXPECT_EQ(SharedString(std::move(text)).view().data(), characters);
}

TEST(SharedString, KeepsAShortTextInOneAllocationWithItsHead) {
  EXPECT_EQ(SharedString().memory(), 0);
  EXPECT_EQ(SharedString(std::string(100, 'x')).memory(), 100 + 16);
}

}  // namespace
}  // namespace warren::storage
