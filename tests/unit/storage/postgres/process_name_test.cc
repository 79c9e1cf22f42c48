#include "storage/postgres/process_name.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "gtest/gtest.h"
#include "tests/unit/storage/postgres/child.h"

namespace warren::storage {
namespace {

// The name with one of its parts between slashes, counted from the end, replaced.
std::string With(std::string name, int from_end, const std::string& part) {
  size_t end = name.size();
  for (int i = 0; i < from_end; ++i) end = name.rfind('/', end - 1);
  const size_t begin = name.rfind('/', end - 1) + 1;
  return name.replace(begin, end - begin, part);
}

TEST(ProcessName, LivingProcessIsNotGone) {
  EXPECT_FALSE(IsGone(ThisProcess()));
  Child child;
  EXPECT_FALSE(IsGone(child.name()));
}

TEST(ProcessName, ProcessIsGoneFromTheMomentItDied) {
  Child child;
  child.Kill();
  EXPECT_TRUE(IsGone(child.name())) << "a zombie";
  child.Reap();
  EXPECT_TRUE(IsGone(child.name()));
}

TEST(ProcessName, NumberThatAnotherProcessHasNowIsGone) {
  EXPECT_TRUE(IsGone(With(ThisProcess(), 0, "1")));
}

TEST(ProcessName, WhatCantBeSeenFromHereIsNotGone) {
  Child child;
  child.Kill();
  child.Reap();
  EXPECT_FALSE(IsGone(With(child.name(), 3, "another-boot")));
  EXPECT_FALSE(IsGone(With(child.name(), 2, "1")));
  for (const char* name : {"", "////", "a/b/c/d/e", "/////////", "by hand"}) {
    EXPECT_FALSE(IsGone(name)) << name;
  }
}

TEST(ProcessName, ReadsWell) {
  EXPECT_EQ(ProcessForPeople("shop-1/boot/4026531836/77/123"), "the broker on shop-1, process 77");
  EXPECT_EQ(ProcessForPeople("by hand"), "by hand");
}

}  // namespace
}  // namespace warren::storage
