// The broker's configuration: flags, then the environment (WARREN_…), then defaults.
// Pure but for what ParseConfig prints; call it from main.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "server/runtime/log.h"

namespace warren::config {

struct Config {
  std::string listen = "127.0.0.1:7171";
  std::string http = "127.0.0.1:7172";  // "": no HTTP port
  std::string storage = "rocksdb:./data";
  std::string storage_password_file;
  int64_t lease_ms = 10'000;  // PostgreSQL
  uint64_t memory_limit = 0;  // bytes of queued messages
  std::string spill_directory;
  uint64_t disk_free_limit = uint64_t{64} << 20;  // bytes; 0: none
  uint64_t max_message_bytes = uint64_t{16} << 20;
  std::vector<std::string> virtual_hosts;
  int64_t drain_timeout_ms = 10'000;
  runtime::LogLevel log_level = runtime::LogLevel::kInfo;
};

// The configuration, or the status to exit with: help or the version was printed (0), or a mistake
// and its remedy, to standard error (2).
std::variant<Config, int> ParseConfig(int argc, const char* const* argv);

}  // namespace warren::config
