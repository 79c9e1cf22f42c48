// The broker's configuration: a flag counts over an environment variable (WARREN_SECTION_KEY),
// that over the file (--config, YAML), that over the default. options.h has the table of all.
//
// Call it from main. Thread-compatible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "server/runtime/log.h"

namespace warren::config {

// Whether a client has to show a certificate of tls.client_ca.
enum class ClientCertificates { kNone, kOptional, kRequired };

struct TlsConfig {
  std::string certificate;  // PEM file; "": no TLS
  std::string key;
  std::string client_ca;
  ClientCertificates client_certificates = ClientCertificates::kOptional;
};

struct AuthConfig {
  std::string users;       // YAML file; "": no users, everybody may do everything
  std::string token_keys;  // JWKS file; "": no tokens
  std::string token_audience = "warren";
  std::string token_issuer;  // "": any
  std::string token_user = "sub";
  bool insecure = false;
};

struct LimitsConfig {
  uint64_t max_message_bytes = uint64_t{16} << 20;
  uint64_t max_headers = 256;     // of a message, nested ones included
  uint64_t max_queues = 100'000;  // in all virtual hosts
  uint64_t max_calls = 10'000;    // of a connection at a time
  int64_t max_connection_age_ms = 0;  // 0: connections last as long as they last
};

struct LogConfig {
  runtime::LogLevels levels;
  runtime::LogForm form = runtime::LogForm::kAutomatic;
};

// One option in effect.
struct Setting {
  std::string key;     // section.key
  std::string value;   // as it was written; storage.url may have a password in it
  std::string origin;  // default, file, environment or flag
};

struct Config {
  std::string file;  // "": none
  bool validate = false;

  std::string listen = "127.0.0.1:7171";
  std::string http = "127.0.0.1:7172";  // "": no HTTP port
  std::string advertise;                // "": see AdvertisedAddress
  std::vector<std::string> virtual_hosts;
  std::string definitions;  // a file; "": none
  int64_t drain_timeout_ms = 10'000;

  std::string storage = "rocksdb:./data";
  std::string storage_password_file;
  int64_t lease_ms = 10'000;  // PostgreSQL

  uint64_t memory_limit = 0;  // bytes of queued messages
  std::string spill_directory;
  uint64_t disk_free_limit = uint64_t{64} << 20;  // bytes; 0: none

  LimitsConfig limits;
  TlsConfig tls;
  AuthConfig auth;
  LogConfig log;

  std::vector<Setting> settings;  // all, by key
};

// Whether the broker may serve only if somebody has to log in: others reach its address, and the
// configuration doesn't say that this is meant so. Users may also be in the store.
bool MustHaveUsers(const Config& config);
// What to say if there are none.
std::string NoUsersMistake(const Config& config);

// The configuration, or the status to exit with: help or the version was printed (0), or mistakes
// and their remedies, to standard error (2).
std::variant<Config, int> ParseConfig(int argc, const char* const* argv);

// Where other brokers, and clients through them, reach the one that listens at `bound`, a HOST:PORT
// without port 0: what was configured, else `bound` if it is one address, else its port at `host`,
// the machine's name.
std::string AdvertisedAddress(const Config& config, std::string_view bound, std::string_view host);

// The same once more, with the file as it is now. INVALID_ARGUMENT says the first mistake in it.
absl::StatusOr<Config> ReloadConfig(int argc, const char* const* argv);

}  // namespace warren::config
