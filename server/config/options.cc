#include "server/config/options.h"

#include <utility>

namespace warren::config {
namespace {

constexpr uint64_t kKiB = uint64_t{1} << 10;
constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr size_t kMaxNameBytes = 255;

template <typename Field>
Mistake SetText(Field& field, std::string_view value) {
  field = std::string(value);
  return std::nullopt;
}

Mistake SetVirtualHost(Config& config, std::string_view name) {
  if (name.empty() || name.size() > kMaxNameBytes) {
    return "a virtual host's name has 1 to 255 bytes";
  }
  config.virtual_hosts.emplace_back(name);
  return std::nullopt;
}

Mistake SetAddress(std::string& field, std::string_view value) {
  if (Mistake mistake = CheckAddress(value)) return mistake;
  field = std::string(value);
  return std::nullopt;
}

Mistake SetLogLevel(Config& config, std::string_view value) {
  runtime::LogLevel level;
  if (!runtime::ParseLogLevel(value, level)) {
    return "\"" + std::string(value) + "\" is none of debug, info, warning, error";
  }
  config.log.levels.SetAll(level);
  return std::nullopt;
}

// auth=debug
Mistake SetCategoryLevel(Config& config, std::string_view value) {
  const size_t equals = value.find('=');
  runtime::LogCategory category;
  if (equals == std::string_view::npos ||
      !runtime::ParseLogCategory(value.substr(0, equals), category)) {
    return "\"" + std::string(value) + "\" is not CATEGORY=LEVEL with one of the categories " +
           runtime::LogCategoryNames();
  }
  runtime::LogLevel level;
  if (!runtime::ParseLogLevel(value.substr(equals + 1), level)) {
    return "\"" + std::string(value) + "\": the level is none of debug, info, warning, error";
  }
  config.log.levels.Set(category, level);
  return std::nullopt;
}

template <typename Choice>
Mistake SetChoice(Choice& field, std::string_view value,
                  std::initializer_list<std::pair<std::string_view, Choice>> choices) {
  std::string names;
  for (const auto& [name, choice] : choices) {
    if (name == value) {
      field = choice;
      return std::nullopt;
    }
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  return "\"" + std::string(value) + "\" is none of " + names;
}

std::vector<Option> ServerOptions() {
  return {
      {.section = "server", .key = "listen", .flag = "listen", .type = "HOST:PORT",
       .standard = "127.0.0.1:7171", .limits = "port 0 takes any free one",
       .help = "Address of the gRPC API. Beyond this machine it takes tls.certificate and "
               "auth.users, or auth.insecure",
       .crash = "clients connect again",
       .set = [](Config& c, std::string_view v) { return SetAddress(c.listen, v); }},
      {.section = "server", .key = "advertise", .flag = "advertise", .type = "HOST:PORT",
       .standard = "server.listen, or the machine's name if that is all its addresses",
       .limits = "PostgreSQL only",
       .help = "Where other brokers reach this one's gRPC API. A broker that stands by forwards "
               "connections there while this one serves. WARREN_ADVERTISE sets it, too",
       .crash = "whoever takes over tells its own",
       .set = [](Config& c, std::string_view v) {
         if (Mistake mistake = CheckReachableAddress(v)) return mistake;
         return SetText(c.advertise, v);
       },
       .short_variable = "WARREN_ADVERTISE"},
      {.section = "server", .key = "http", .flag = "http", .type = "HOST:PORT",
       .standard = "127.0.0.1:7172", .limits = "empty: none is served",
       .help = "Address of /metrics for Prometheus",
       .crash = "counters start at 0",
       .set = [](Config& c, std::string_view v) {
         return v.empty() ? SetText(c.http, v) : SetAddress(c.http, v);
       }},
      {.section = "server", .key = "virtual_host", .flag = "virtual-host", .type = "NAME",
       .standard = "", .limits = "1 to 255 bytes",
       .help = "A virtual host to create at start beside \"/\"",
       .crash = "kept by the store; taking it out here doesn't delete it",
       .set = SetVirtualHost, .repeated = true},
      {.section = "server", .key = "definitions", .flag = "definitions", .type = "FILE",
       .standard = "", .limits = "16MiB",
       .help = "JSON of what is to be declared at each start, before clients are let in; RabbitMQ's "
               "export is taken, too. docs/definitions.md",
       .crash = "what was declared is kept by the store",
       .set = [](Config& c, std::string_view v) { return SetText(c.definitions, v); }},
      {.section = "server", .key = "drain_timeout", .flag = "drain-timeout", .type = "TIME",
       .standard = "10s", .limits = "ms, s or m; up to 60m",
       .help = "How long a stopping broker waits for consumers to settle what they have. What is "
               "unsettled then is delivered again after the next start",
       .crash = "nothing is waited for; what was unsettled is delivered again",
       .set = [](Config& c, std::string_view v) {
         return ParseTime(v, {0, 3'600'000}, c.drain_timeout_ms);
       }},
  };
}

std::vector<Option> StorageOptions() {
  return {
      {.section = "storage", .key = "url", .flag = "storage", .type = "URL",
       .standard = "rocksdb:./data", .limits = "",
       .help = "What confirmed messages are kept in: rocksdb:PATH (a directory), "
               "postgres://USER@HOST/DATABASE (PostgreSQL 13 or newer; further parameters as libpq "
               "takes them) or memory:",
       .crash = "rocksdb and postgres lose nothing that was confirmed; memory loses all",
       .set = [](Config& c, std::string_view v) { return SetText(c.storage, v); }},
      {.section = "storage", .key = "password_file", .flag = "storage-password-file",
       .type = "PATH", .standard = "", .limits = "",
       .help = "A file with the database's password. It is read anew for each connection, so that "
               "the password can be changed while the broker runs",
       .crash = "none",
       .set = [](Config& c, std::string_view v) { return SetText(c.storage_password_file, v); }},
      {.section = "storage", .key = "lease", .flag = "lease", .type = "TIME", .standard = "10s",
       .limits = "ms, s or m; 1s to 60m",
       .help = "How long a broker that can't reach PostgreSQL stays the database's owner. Then "
               "another broker may take over. Shorter means a quicker fail-over, and that a shorter "
               "hiccup of network or database causes one",
       .crash = "another broker serves after this long",
       .set = [](Config& c, std::string_view v) {
         return ParseTime(v, {1'000, 3'600'000}, c.lease_ms);
       }},
      {.section = "storage", .key = "disk_free_limit", .flag = "disk-free-limit", .type = "SIZE",
       .standard = "64MiB", .limits = "bytes; K, M, G or KiB, MiB, GiB; 0 turns it off",
       .help = "Room on the disks of the RocksDB store and of memory.spill_dir below which "
               "publishers are held until there is more. Without it the store finds the disk full "
               "by itself, and sits that out",
       .crash = "none",
       .set = [](Config& c, std::string_view v) {
         return ParseSize(v, {0, INT64_MAX}, c.disk_free_limit);
       }},
  };
}

std::vector<Option> MemoryOptions() {
  return {
      {.section = "memory", .key = "limit", .flag = "memory-limit", .type = "SIZE",
       .standard = "60 % of the machine's or container's memory",
       .limits = "bytes; K, M, G or KiB, MiB, GiB, all powers of 1024",
       .help = "Memory for queued messages. Above half of it the contents of messages that aren't "
               "needed soon are paged out to memory.spill_dir; at all of it publishers are held "
               "until consumers catch up. Set too high, the system may kill the broker",
       .crash = "none: what is confirmed is in the store, whatever the limit",
       .set = [](Config& c, std::string_view v) {
         return ParseSize(v, {1, INT64_MAX}, c.memory_limit);
       }},
      {.section = "memory", .key = "spill_dir", .flag = "spill-dir", .type = "PATH",
       .standard = "the directory of the RocksDB store, else that for temporary files", .limits = "",
       .help = "Directory on a disk, not in memory, for contents that are paged out",
       .crash = "nothing in it outlives the process, nothing in it is needed",
       .set = [](Config& c, std::string_view v) { return SetText(c.spill_directory, v); }},
  };
}

std::vector<Option> LimitOptions() {
  return {
      {.section = "limits", .key = "max_message_bytes", .flag = "max-message-bytes",
       .type = "SIZE", .standard = "16MiB", .limits = "1 byte to 512MiB",
       .help = "Largest body of a message; larger ones are refused",
       .crash = "stored messages that are larger stay",
       .set = [](Config& c, std::string_view v) {
         return ParseSize(v, {1, 512 * kMiB}, c.limits.max_message_bytes);
       }},
      {.section = "limits", .key = "max_headers", .flag = "max-headers", .type = "COUNT",
       .standard = "256", .limits = "1 to 65536",
       .help = "Most headers of a message, nested ones counted; one with more is refused. "
               "In bytes headers are limited to 64 KiB",
       .crash = "stored messages that have more stay",
       .set = [](Config& c, std::string_view v) {
         return ParseCount(v, {1, 64 * kKiB}, c.limits.max_headers);
       }},
      {.section = "limits", .key = "max_queues", .flag = "max-queues", .type = "COUNT",
       .standard = "100000", .limits = "1 to 10000000",
       .help = "Most queues in all virtual hosts; a declaration above it is refused. An empty queue "
               "takes about 1 KiB of memory",
       .crash = "stored queues all come back, even above it",
       .set = [](Config& c, std::string_view v) {
         return ParseCount(v, {1, 10'000'000}, c.limits.max_queues);
       }},
      {.section = "limits", .key = "max_calls", .flag = "max-calls", .type = "COUNT",
       .standard = "10000", .limits = "1 to 100000",
       .help = "Most calls and streams of one connection at a time; what is above waits at the "
               "client",
       .crash = "none",
       .set = [](Config& c, std::string_view v) {
         return ParseCount(v, {1, 100'000}, c.limits.max_calls);
       }},
      {.section = "limits", .key = "max_connection_age", .flag = "max-connection-age",
       .type = "TIME", .standard = "0s", .limits = "ms, s or m; 0s turns it off, else 1s to 1440m",
       .help = "Age, give or take a tenth, at which a client is asked to connect anew, so that "
               "connections spread over brokers and addresses; its calls have 30 s more, then its "
               "streams are cut. Clients go on by themselves; what a consumer hasn't settled by then "
               "is delivered again",
       .crash = "none",
       .set = [](Config& c, std::string_view v) -> Mistake {
         int64_t ms = 0;
         if (Mistake mistake = ParseTime(v, {0, 86'400'000}, ms)) return mistake;
         if (ms > 0 && ms < 1'000) return "\"" + std::string(v) + "\" is below 1s";
         c.limits.max_connection_age_ms = ms;
         return std::nullopt;
       }},
  };
}

std::vector<Option> TlsOptions() {
  return {
      {.section = "tls", .key = "certificate", .flag = "tls-certificate", .type = "PATH",
       .standard = "", .limits = "PEM, with the certificates of intermediate authorities",
       .help = "The API's certificate; without one it speaks plain text. This and the next two are "
               "read anew when they change",
       .crash = "none",
       .set = [](Config& c, std::string_view v) { return SetText(c.tls.certificate, v); }},
      {.section = "tls", .key = "key", .flag = "tls-key", .type = "PATH", .standard = "",
       .limits = "PEM", .help = "The private key of tls.certificate", .crash = "none",
       .set = [](Config& c, std::string_view v) { return SetText(c.tls.key, v); }},
      {.section = "tls", .key = "client_ca", .flag = "tls-client-ca", .type = "PATH",
       .standard = "", .limits = "PEM",
       .help = "Authorities whose certificates clients may log in with; auth.users says who they "
               "are",
       .crash = "none",
       .set = [](Config& c, std::string_view v) { return SetText(c.tls.client_ca, v); }},
      {.section = "tls", .key = "client_certificates", .flag = "tls-client-certificates",
       .type = "CHOICE", .standard = "optional", .limits = "none, optional, required",
       .help = "Whether clients show a certificate of tls.client_ca. Where it is required, a "
               "connection without one isn't even set up",
       .crash = "none",
       .set = [](Config& c, std::string_view v) {
         return SetChoice<ClientCertificates>(c.tls.client_certificates, v,
                                              {{"none", ClientCertificates::kNone},
                                               {"optional", ClientCertificates::kOptional},
                                               {"required", ClientCertificates::kRequired}});
       }},
  };
}

std::vector<Option> AuthOptions() {
  return {
      {.section = "auth", .key = "users", .flag = "users", .type = "PATH", .standard = "",
       .limits = "YAML, up to 16 MiB",
       .help = "Users, their password hashes, certificates and permissions. Without it everybody "
               "who reaches the API may do everything. Read anew when it changes",
       .crash = "none",
       .set = [](Config& c, std::string_view v) { return SetText(c.auth.users, v); }},
      {.section = "auth", .key = "token_keys", .flag = "token-keys", .type = "PATH",
       .standard = "", .limits = "JSON Web Key Set, up to 1 MiB",
       .help = "Public keys of those who issue tokens (JWT, RS256 or ES256). Read anew when it "
               "changes",
       .crash = "none",
       .set = [](Config& c, std::string_view v) { return SetText(c.auth.token_keys, v); }},
      {.section = "auth", .key = "token_audience", .flag = "token-audience", .type = "NAME",
       .standard = "warren", .limits = "",
       .help = "What a token's claim aud must name", .crash = "none",
       .set = [](Config& c, std::string_view v) -> Mistake {
         if (v.empty()) return "a token without an audience is anybody's; give it a name";
         return SetText(c.auth.token_audience, v);
       }},
      {.section = "auth", .key = "token_issuer", .flag = "token-issuer", .type = "NAME",
       .standard = "", .limits = "empty: any",
       .help = "What a token's claim iss must be", .crash = "none",
       .set = [](Config& c, std::string_view v) { return SetText(c.auth.token_issuer, v); }},
      {.section = "auth", .key = "token_user", .flag = "token-user", .type = "NAME",
       .standard = "sub", .limits = "",
       .help = "The claim that names the user", .crash = "none",
       .set = [](Config& c, std::string_view v) { return SetText(c.auth.token_user, v); }},
      {.section = "auth", .key = "insecure", .flag = "insecure", .type = "", .standard = "false",
       .limits = "true or false",
       .help = "Listen beyond this machine although there are no users, or no TLS. Whoever reaches "
               "the address may then do everything, or read every password",
       .crash = "none",
       .set = [](Config& c, std::string_view v) { return ParseSwitch(v, c.auth.insecure); }},
  };
}

std::vector<Option> LogOptions() {
  return {
      {.section = "log", .key = "level", .flag = "log-level", .type = "LEVEL", .standard = "info",
       .limits = "debug, info, warning, error",
       .help = "What is logged, to standard error", .crash = "none: lines aren't held back",
       .set = SetLogLevel, .reloads = true},
      {.section = "log", .key = "levels", .flag = "log-levels", .type = "CATEGORY=LEVEL",
       .standard = "", .limits = "categories broker, storage, api, auth, library",
       .help = "The level of one category, over log.level",
       .crash = "none", .set = SetCategoryLevel, .repeated = true, .reloads = true},
      {.section = "log", .key = "format", .flag = "log-format", .type = "CHOICE",
       .standard = "auto", .limits = "auto, text, json",
       .help = "auto: text on a terminal, one JSON object a line otherwise",
       .crash = "none",
       .set = [](Config& c, std::string_view v) {
         return SetChoice<runtime::LogForm>(c.log.form, v,
                                            {{"auto", runtime::LogForm::kAutomatic},
                                             {"text", runtime::LogForm::kText},
                                             {"json", runtime::LogForm::kJson}});
       }},
  };
}

}  // namespace

std::string Option::Variable() const {
  std::string name = "WARREN_" + std::string(section) + "_" + std::string(key);
  for (char& c : name) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
  return name;
}

const std::vector<Option>& Options() {
  static const std::vector<Option> kOptions = [] {
    std::vector<Option> all;
    for (const auto& section : {ServerOptions(), StorageOptions(), MemoryOptions(), LimitOptions(),
                                TlsOptions(), AuthOptions(), LogOptions()}) {
      all.insert(all.end(), section.begin(), section.end());
    }
    return all;
  }();
  return kOptions;
}

}  // namespace warren::config
