// Runs every transcript of this folder as the test Scenario.NAME, NAME being the file's.
//
// WARREN_REWRITE=1 writes what came of each step into the file instead of comparing it. The diff is
// then to be read as a statement about the broker: what the transcript says must be what
// docs/semantics.md promises, not what the code happens to do.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "tests/scenarios/transcript.h"
#include "tests/scenarios/world.h"

namespace warren::scenarios {
namespace {

bool IsRewriting() {
  const char* value = std::getenv("WARREN_REWRITE");
  return value != nullptr && std::string(value) == "1";
}

std::string ReadAll(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class ScenarioTest : public testing::Test {
 public:
  explicit ScenarioTest(std::filesystem::path path) : path_(std::move(path)) {}

  void TestBody() override {
    const std::string text = ReadAll(path_);
    absl::StatusOr<Transcript> transcript = Parse(text);
    ASSERT_TRUE(transcript.ok()) << path_.string() << ": " << transcript.status().message();
    ASSERT_FALSE(transcript->steps.empty()) << path_.string() << " has no steps";
    World world;
    for (Step& step : transcript->steps) {
      Lines trace = world.Run(step);
      ASSERT_FALSE(world.malformed())
          << path_.string() << ":" << step.line << ": " << absl::StrJoin(trace, "\n");
      if (IsRewriting()) {
        step.trace = std::move(trace);
      } else {
        EXPECT_EQ(absl::StrJoin(trace, "\n"), absl::StrJoin(step.trace, "\n"))
            << path_.string() << ":" << step.line << ": " << step.command;
      }
    }
    if (IsRewriting()) std::ofstream(path_) << Format(*transcript);
  }

 private:
  const std::filesystem::path path_;
};

}  // namespace

void RegisterScenarios(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (file.path().extension() == ".txt" && file.path().filename() != "CMakeLists.txt") {
      paths.push_back(file.path());
    }
  }
  std::sort(paths.begin(), paths.end());
  for (const std::filesystem::path& path : paths) {
    testing::RegisterTest("Scenario", path.stem().c_str(), nullptr, nullptr, __FILE__, __LINE__,
                          [path]() -> testing::Test* { return new ScenarioTest(path); });
  }
}

}  // namespace warren::scenarios

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  warren::scenarios::RegisterScenarios(WARREN_SCENARIOS);
  return RUN_ALL_TESTS();
}
