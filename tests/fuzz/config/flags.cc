// Goal: any command line, environment and file give a configuration that keeps to its limits, or a status
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
#include "server/config/file.h"
#include "server/config/options.h"
#include "tests/fuzz/support/input.h"

namespace warren::config {
namespace {

// All flags and variables that there are, and some that aren't in the table.
std::vector<std::string> Flags() {
  std::vector<std::string> flags = {"--help", "--version", "--validate", "--"};
  for (const Option& option : Options()) flags.push_back("--" + std::string(option.flag));
  return flags;
}

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
  WARREN_CHECK(config.limits.max_message_bytes >= 1);
  WARREN_CHECK(config.limits.max_message_bytes <= uint64_t{512} << 20);
  WARREN_CHECK(config.limits.max_queues >= 1 && config.limits.max_queues <= 10'000'000);
  WARREN_CHECK(config.limits.max_headers >= 1 && config.limits.max_calls >= 1);
  WARREN_CHECK(config.auth.insecure || (!config.auth.users.empty() && !config.tls.key.empty()) ||
               IsLoopback(config.listen));
  WARREN_CHECK(config.memory_limit > 0);
  WARREN_CHECK(config.drain_timeout_ms >= 0 && config.drain_timeout_ms <= 3'600'000);
  WARREN_CHECK(!config.spill_directory.empty() || config.storage == "rocksdb:");
  for (const std::string& name : config.virtual_hosts) {
    WARREN_CHECK(!name.empty() && name.size() <= 255);
  }
}

void Parse(fuzz::Input& in) {
  for (const Option& option : Options()) {
    const std::string variable = option.Variable();
    unsetenv(variable.c_str());
    if (in.OneIn(16)) setenv(variable.c_str(), in.Text(32).c_str(), 1);
  }
  static const std::vector<std::string> kFlags = Flags();
  std::vector<std::string> words = {"warren"};
  for (uint64_t i = in.Below(6); i > 0; --i) {
    switch (in.Below(3)) {
      case 0: words.push_back(in.Text(64)); break;
      case 1: words.push_back(kFlags[in.Below(kFlags.size())] + "=" + in.Text(64)); break;
      default:
        words.push_back(kFlags[in.Below(kFlags.size())]);
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
  // Any file gives values or an error.
  static_cast<void>(config::ParseConfigFile(input.Text(256), "file"));
  config::Parse(input);
}
