#include "server/api/convert/interner.h"

#include <gtest/gtest.h>

namespace warren::api {
namespace {

TEST(Interner, GivesEqualStringsOneText) {
  Interner interner;
  EXPECT_EQ(interner.Intern("a").view().data(), interner.Intern("a").view().data());
  EXPECT_TRUE(interner.Intern("").empty());
}

TEST(Interner, ForgetsWhenItIsFullButStringsLiveOn) {
  Interner interner(2);
  const storage::SharedString a = interner.Intern("a");
  interner.Intern("b");
  interner.Intern("c");
  EXPECT_EQ(a.view(), "a");
  EXPECT_EQ(interner.Intern("a").view(), "a");
  EXPECT_NE(interner.Intern("a").view().data(), a.view().data());
}

}  // namespace
}  // namespace warren::api
