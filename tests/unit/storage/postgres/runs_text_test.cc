#include "storage/postgres/runs_text.h"

#include <string>

#include "gtest/gtest.h"

namespace warren::storage {
namespace {

using Runs = std::vector<SequenceRun>;

TEST(RunsText, ComesBackAsItWas) {
  for (const auto& [runs, text] : std::vector<std::pair<Runs, std::string>>{
           {{}, ""},
           {{{0, 0}}, "0"},
           {{{6, 8}, {12, 12}}, "6-8,12"},
           {{{0, UINT64_MAX - 2}, {UINT64_MAX, UINT64_MAX}},
            "0-18446744073709551613,18446744073709551615"}}) {
    EXPECT_EQ(RunsText(runs), text);
    const absl::StatusOr<Runs> back = ParseRuns(text);
    ASSERT_TRUE(back.ok()) << text << ": " << back.status();
    EXPECT_EQ(*back, runs) << text;
  }
}

// no number     | , - -3 some 6; 6,,8 6,-8
// cut off       | 6, 6- 6-8,
// other writing | +6 06 " 6" "6 " "6, 8" 6-6 0x6 6.0 6-8-9
// out of order  | 8-6 8,6 6-8,7 6-8,8-9 6,6
// touching      | 6,7 6-8,9
// too large     | 18446744073709551616
TEST(RunsText, AnythingElseIsDamage) {
  for (const char* text :
       {",", "-", "-3", "some", "6;", "6,,8", "6,-8", "6,", "6-", "6-8,", "+6", "06", " 6", "6 ",
        "6, 8", "6-6", "0x6", "6.0", "6-8-9", "8-6", "8,6", "6-8,7", "6-8,8-9", "6,6", "6,7",
        "6-8,9", "18446744073709551616"}) {
    EXPECT_EQ(ParseRuns(text).status().code(), absl::StatusCode::kDataLoss) << text;
  }
}

}  // namespace
}  // namespace warren::storage
