#include "server/config/config.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <map>
#include <string_view>
#include <system_error>

#include "server/config/memory.h"
#include "server/config/version.h"

namespace warren::config {
namespace {

constexpr uint64_t kMaxMessageBytesLimit = uint64_t{512} << 20;
constexpr size_t kMaxNameBytes = 255;
constexpr int64_t kShortestLeaseMs = 1'000;
constexpr int64_t kLongestLeaseMs = 3'600'000;

// HOST:PORT, where HOST may be an IPv6 address in brackets.
std::string CheckAddress(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0) {
    return "\"" + address + "\" is not HOST:PORT, such as 127.0.0.1:7171 or [::]:7171";
  }
  const std::string port = address.substr(colon + 1);
  const bool digits = !port.empty() && port.size() <= 5 &&
                      port.find_first_not_of("0123456789") == std::string::npos;
  if (!digits || std::stoi(port) > 65'535) {
    return "\"" + address + "\": the port must be 0 (any free one) to 65535";
  }
  return "";
}

std::string CheckVirtualHost(const std::string& name) {
  if (!name.empty() && name.size() <= kMaxNameBytes) return "";
  return "a virtual host's name has 1 to 255 bytes";
}

std::string CheckLogLevel(const std::string& name) {
  runtime::LogLevel level;
  return runtime::ParseLogLevel(name, level)
             ? ""
             : "\"" + name + "\" is none of debug, info, warning, error";
}

std::string SpillDirectory(const std::string& storage) {
  constexpr std::string_view kEmbedded = "rocksdb:";
  if (storage.starts_with(kEmbedded)) return storage.substr(kEmbedded.size());
  std::error_code unknown;
  return std::filesystem::temp_directory_path(unknown).string();
}

// As milliseconds; a number needs its unit.
CLI::Validator Time() {
  const std::map<std::string, int64_t> units = {{"ms", 1}, {"s", 1'000}, {"m", 60'000}};
  return CLI::AsNumberWithUnit(
             units,
             CLI::AsNumberWithUnit::Options(CLI::AsNumberWithUnit::UNIT_REQUIRED |
                                            CLI::AsNumberWithUnit::CASE_SENSITIVE),
             "TIME")
      .description("");
}

void AddStorageOptions(CLI::App& app, Config& config) {
  app.add_option("--storage", config.storage,
                 "What confirmed messages are kept in: rocksdb:PATH (a directory, survives a "
                 "crash), postgres://USER@HOST/DATABASE (PostgreSQL 13 or newer; further "
                 "parameters as libpq takes them) or memory: (gone when the process ends)")
      ->envname("WARREN_STORAGE")
      ->type_name("URL");
  app.add_option("--storage-password-file", config.storage_password_file,
                 "A file with the database's password. It is read anew for each connection, so "
                 "that the password can be changed while the broker runs")
      ->envname("WARREN_STORAGE_PASSWORD_FILE")
      ->type_name("PATH")
      ->default_str("");
  app.add_option("--lease", config.lease_ms,
                 "How long a broker that can't reach PostgreSQL stays the database's owner; ms, s "
                 "or m, 1s to 60m. Then another broker may take over. Shorter means a quicker "
                 "fail-over, and that a shorter hiccup of network or database causes one")
      ->envname("WARREN_LEASE")
      ->type_name("TIME")
      ->transform(Time())
      ->check(CLI::Range(kShortestLeaseMs, kLongestLeaseMs).description(""))
      ->default_str("10s");
}

void AddOptions(CLI::App& app, Config& config, std::string& log_level) {
  app.add_option("--listen", config.listen,
                 "Address of the gRPC API; port 0 takes any free one")
      ->envname("WARREN_LISTEN")
      ->type_name("HOST:PORT")
      ->check(CLI::Validator(CheckAddress, ""));
  app.add_option("--http", config.http,
                 "Address of /metrics for Prometheus; empty: none is served")
      ->envname("WARREN_HTTP")
      ->type_name("HOST:PORT")
      ->check(CLI::Validator(
          [](const std::string& a) { return a.empty() ? std::string() : CheckAddress(a); }, ""));
  AddStorageOptions(app, config);
  app.add_option("--memory-limit", config.memory_limit,
                 "Bytes of memory for queued messages; K, M, G or KiB, MiB, GiB (all powers of "
                 "1024). Above half of it the contents of messages that aren't needed soon are "
                 "paged out to --spill-dir; at all of it publishers are held until consumers "
                 "catch up. The default is 60 % of the machine's or container's memory. Set too "
                 "high, the system may kill the broker")
      ->envname("WARREN_MEMORY_LIMIT")
      ->type_name("SIZE")
      ->transform(CLI::AsSizeValue(false).description(""))
      ->check(CLI::PositiveNumber.description(""))
      ->default_str("60 %");
  app.add_option("--spill-dir", config.spill_directory,
                 "Directory on a disk, not in memory, for contents that are paged out. Nothing in "
                 "it outlives the process. The default is the directory of the RocksDB store, or "
                 "else the one for temporary files ($TMPDIR, /tmp)")
      ->envname("WARREN_SPILL_DIR")
      ->type_name("PATH")
      ->default_str("");
  app.add_option("--disk-free-limit", config.disk_free_limit,
                 "Room on the disks of the RocksDB store and of --spill-dir below which publishers "
                 "are held until there is more; K, M, G or KiB, MiB, GiB. 0 turns it off: the "
                 "store then finds the disk full by itself, and sits that out")
      ->envname("WARREN_DISK_FREE_LIMIT")
      ->type_name("SIZE")
      ->transform(CLI::AsSizeValue(false).description(""))
      ->default_str("64MiB");
  app.add_option("--max-message-bytes", config.max_message_bytes,
                 "Largest body of a message, up to 512 MiB; larger ones are refused")
      ->envname("WARREN_MAX_MESSAGE_BYTES")
      ->type_name("SIZE")
      ->transform(CLI::AsSizeValue(false).description(""))
      ->check(CLI::Range(uint64_t{1}, kMaxMessageBytesLimit).description(""))
      ->default_str("16MiB");
  app.add_option("--virtual-host", config.virtual_hosts,
                 "A virtual host to create at start beside \"/\"; may be repeated")
      ->envname("WARREN_VIRTUAL_HOST")
      ->type_name("NAME")
      ->allow_extra_args(false)
      ->check(CLI::Validator(CheckVirtualHost, ""));
  app.add_option("--drain-timeout", config.drain_timeout_ms,
                 "How long a stopping broker waits for consumers to settle what they have; ms, s "
                 "or m. What is unsettled then is delivered again after the next "
                 "start")
      ->envname("WARREN_DRAIN_TIMEOUT")
      ->type_name("TIME")
      ->transform(Time())
      ->check(CLI::NonNegativeNumber.description(""))
      ->default_str("10s");
  app.add_option("--log-level", log_level, "debug, info, warning or error; logs go to standard error")
      ->envname("WARREN_LOG_LEVEL")
      ->type_name("LEVEL")
      ->check(CLI::Validator(CheckLogLevel, ""));
}

}  // namespace

std::variant<Config, int> ParseConfig(int argc, const char* const* argv) {
  constexpr int kUsageError = 2;
  Config config;
  std::string log_level = "info";
  CLI::App app("Warren, a message broker: RabbitMQ's model behind gRPC", "warren");
  app.set_version_flag("--version", std::string("warren ") + kVersion);
  app.option_defaults()->always_capture_default();
  app.get_formatter()->column_width(34);
  app.footer("A flag counts over its environment variable, which counts over the default.");
  try {
    AddOptions(app, config, log_level);
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsageError;
  }
  runtime::ParseLogLevel(log_level, config.log_level);
  if (config.spill_directory.empty()) config.spill_directory = SpillDirectory(config.storage);
  if (config.memory_limit == 0) config.memory_limit = AvailableMemory() / 10 * 6;
  return config;
}

}  // namespace warren::config
