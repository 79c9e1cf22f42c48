// Goal: any command line and environment give a configuration that keeps to its limits, or a status
// to exit with; nothing else is thrown, and no number wraps around.
// Method: flags and variables from the input, mostly known ones with odd values. What ParseConfig
// prints goes nowhere.
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <streambuf>
#include <string>
#include <variant>
#include <vector>

#include "server/base/check.h"
#include "server/config/config.h"
#include "tests/fuzz/support/input.h"

namespace warren::config {
namespace {

constexpr const char* kFlags[] = {
    "--listen",    "--http",      "--storage",           "--storage-password-file",
    "--lease",     "--spill-dir", "--memory-limit",      "--max-message-bytes",
    "--log-level", "--help",      "--virtual-host",      "--drain-timeout",
    "--version",   "--"};
constexpr const char* kVariables[] = {
    "WARREN_LISTEN",    "WARREN_HTTP",         "WARREN_STORAGE",      "WARREN_LEASE",
    "WARREN_SPILL_DIR", "WARREN_MEMORY_LIMIT", "WARREN_VIRTUAL_HOST", "WARREN_MAX_MESSAGE_BYTES",
    "WARREN_LOG_LEVEL", "WARREN_DRAIN_TIMEOUT"};

// Swallows what is printed, for as long as it lives.
class Silence {
 public:
  Silence() : out_(std::cout.rdbuf(&nowhere_)), err_(std::cerr.rdbuf(&nowhere_)) {}
  ~Silence() {
    std::cout.rdbuf(out_);
    std::cerr.rdbuf(err_);
  }

 private:
  struct Nowhere : std::streambuf {
    int_type overflow(int_type c) override { return traits_type::not_eof(c); }
  };
  Nowhere nowhere_;
  std::streambuf* const out_;
  std::streambuf* const err_;
};

void CheckLimits(const Config& config) {
  WARREN_CHECK(config.lease_ms >= 1'000 && config.lease_ms <= 3'600'000);
  WARREN_CHECK(config.max_message_bytes >= 1);
  WARREN_CHECK(config.max_message_bytes <= uint64_t{512} << 20);
  WARREN_CHECK(config.memory_limit > 0);
  WARREN_CHECK(config.drain_timeout_ms >= 0);
  WARREN_CHECK(!config.spill_directory.empty() || config.storage == "rocksdb:");
  for (const std::string& name : config.virtual_hosts) {
    WARREN_CHECK(!name.empty() && name.size() <= 255);
  }
}

void Parse(fuzz::Input& in) {
  for (const char* variable : kVariables) {
    unsetenv(variable);
    if (in.OneIn(8)) setenv(variable, in.Text(32).c_str(), 1);
  }
  std::vector<std::string> words = {"warren"};
  for (uint64_t i = in.Below(6); i > 0; --i) {
    switch (in.Below(3)) {
      case 0: words.push_back(in.Text(64)); break;
      case 1: words.push_back(std::string(in.OneOf(kFlags)) + "=" + in.Text(64)); break;
      default:
        words.push_back(in.OneOf(kFlags));
        words.push_back(in.Text(64));
    }
  }
  std::vector<const char*> argv;
  for (const std::string& word : words) argv.push_back(word.c_str());
  const std::variant<Config, int> parsed =
      ParseConfig(static_cast<int>(argv.size()), argv.data());
  if (const auto* config = std::get_if<Config>(&parsed)) {
    CheckLimits(*config);
  } else {
    WARREN_CHECK(std::get<int>(parsed) == 0 || std::get<int>(parsed) == 2);
  }
}

}  // namespace
}  // namespace warren::config

void warren::fuzz::TestOne(Input& input) {
  const config::Silence silence;
  config::Parse(input);
}
