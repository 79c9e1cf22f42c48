// The reader of transcripts must not lose or bend what it reads: a rewrite touches traces only.
#include "tests/scenarios/transcript.h"

#include "gtest/gtest.h"
#include "tests/scenarios/arguments.h"

namespace warren::scenarios {
namespace {

TEST(Transcript, FormatGivesBackWhatWasParsed) {
  const std::string text =
      "# Why.\n\n# More.\npublish x k\n  y k\n----\np 1: accepted\n\nstate\n----\n\n# The end.\n";
  const absl::StatusOr<Transcript> transcript = Parse(text);
  ASSERT_TRUE(transcript.ok()) << transcript.status();
  EXPECT_EQ(transcript->steps.size(), 2U);
  EXPECT_EQ(transcript->steps[0].line, 4);
  EXPECT_EQ(Format(*transcript), text);
}

TEST(Transcript, CommandWithoutSeparatorIsRefused) {
  const absl::StatusOr<Transcript> transcript = Parse("# Why.\nstate\n\n");
  EXPECT_EQ(transcript.status().message(), "line 3: a command ends with a line of four dashes");
}

TEST(Arguments, WordsThatNobodyAskedForAreAMistake) {
  Arguments words("queue orders durble ttl=5s");
  EXPECT_EQ(words.Operand("command"), "queue");
  EXPECT_EQ(words.Operand("name"), "orders");
  EXPECT_FALSE(words.Flag("durable"));
  EXPECT_EQ(words.Duration("ttl"), 5'000);
  EXPECT_EQ(words.error(), "unknown word: durble");
}

TEST(Arguments, HeaderValuesHaveTypes) {
  Arguments words("h:a=1 h:b=1.0 h:c=str:1 h:d=void h:e=true h:f=bytes:x h:g=time:5 h:h=\"a b\"");
  const storage::Headers headers = words.Headers("h");
  ASSERT_EQ(headers.size(), 8U);
  EXPECT_EQ(headers[0].value, storage::Value{int64_t{1}});
  EXPECT_EQ(headers[1].value, storage::Value{1.0});
  EXPECT_EQ(headers[2].value, storage::Value{std::string("1")});
  EXPECT_EQ(headers[3].value, storage::Value{});
  EXPECT_EQ(headers[4].value, storage::Value{true});
  EXPECT_EQ(headers[5].value, storage::Value{storage::Bytes{"x"}});
  EXPECT_EQ(headers[6].value, storage::Value{storage::Timestamp{5}});
  EXPECT_EQ(headers[7].value, storage::Value{std::string("a b")});
  EXPECT_EQ(words.error(), "");
}

}  // namespace
}  // namespace warren::scenarios
