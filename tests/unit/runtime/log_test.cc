#include "server/runtime/log.h"

#include <gtest/gtest.h>

namespace warren::runtime {
namespace {

TEST(Log, TextLinesNameTheirFields) {
  EXPECT_EQ(FormatLogLine("started", {{"port", "7171"}, {"host", "a b"}}, false),
            R"(started port="7171" host="a b")");
}

TEST(Log, JsonLinesStayOneObjectWhateverTheValues) {
  EXPECT_EQ(FormatLogLine("it \"works\"", {{"name", "a\nb\\"}}, true),
            R"("message":"it \"works\"","name":"a\u000ab\\")");
}

TEST(Log, KnowsItsLevels) {
  LogLevel level = LogLevel::kInfo;
  EXPECT_TRUE(ParseLogLevel("warning", level));
  EXPECT_EQ(level, LogLevel::kWarning);
  EXPECT_FALSE(ParseLogLevel("loud", level));
}

}  // namespace
}  // namespace warren::runtime
