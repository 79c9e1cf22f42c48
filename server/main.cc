// warren: the broker's program. Wiring only.
//
// configuration -> users, certificates -> HTTP port -> journal, standing by meanwhile -> recovery
// -> listen -> loop, until a signal or a failing journal.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <functional>
#include <iostream>
#include <memory>
#include <random>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include <unistd.h>

#include "absl/cleanup/cleanup.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "server/api/definitions/document.h"
#include "server/api/library_log.h"
#include "server/api/server.h"
#include "server/auth/authenticator.h"
#include "server/auth/file.h"
#include "server/auth/password.h"
#include "server/auth/stats.h"
#include "server/auth/tls.h"
#include "server/config/config.h"
#include "server/config/revision.h"
#include "server/config/version.h"
#include "server/core/broker.h"
#include "server/metrics/monitor.h"
#include "server/metrics/probe.h"
#include "server/runtime/disk_watch.h"
#include "server/runtime/log.h"
#include "server/runtime/loop.h"
#include "server/runtime/recovery.h"
#include "server/runtime/service_manager.h"
#include "server/runtime/shutdown.h"
#include "server/runtime/signals.h"
#include "server/runtime/stall_reporter.h"
#include "server/runtime/vitals.h"
#include "server/standby/forwarder.h"
#include "storage/open.h"
#include "storage/spill/spill.h"

namespace {

using warren::runtime::Log;
using warren::runtime::LogLevel;

constexpr int kFailed = 1;
constexpr int kUsageError = 2;

// Why the broker can't start or go on: its last word.
int Fail(const char* what, const absl::Status& status) {
  Log(LogLevel::kError, what,
      {{"reason", std::string(status.message())},
       {"code", absl::StatusCodeToString(status.code())}});
  return kFailed;
}

std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 ? name : "unknown";
}

// The folders on this machine's disks, and what each is for.
std::vector<warren::metrics::Folder> Folders(const warren::config::Config& config) {
  constexpr std::string_view kRocksDb = "rocksdb:";
  std::vector<warren::metrics::Folder> folders = {{.use = "spill", .path = config.spill_directory}};
  if (config.storage.starts_with(kRocksDb)) {
    folders.push_back({.use = "store", .path = config.storage.substr(kRocksDb.size())});
  }
  return folders;
}

std::vector<std::string> FolderPaths(const warren::config::Config& config) {
  std::vector<std::string> paths;
  for (warren::metrics::Folder& folder : Folders(config)) paths.push_back(std::move(folder.path));
  return paths;
}

// Brokers take turns at it, and all but one stand by.
bool OnPostgres(const warren::config::Config& config) {
  return config.storage.starts_with("postgres");  // or postgresql, which is the same
}

warren::metrics::MonitorFacts FactsOf(const warren::config::Config& config,
                                     const warren::auth::Stats& auth) {
  const bool postgres = OnPostgres(config);
  return {
      .version = warren::config::kVersion,
      .revision = warren::config::kRevision,
      .node = HostName(),
      .storage_backend =
          postgres ? "postgres" : config.storage.substr(0, config.storage.find(':')),
      .owned_by_one = postgres,
      .memory_limit = config.memory_limit,
      .disk_free_limit = config.disk_free_limit,
      .folders = Folders(config),
      .auth = &auth};
}

// The same for AdminService, with what else it tells.
warren::api::Facts ApiFactsOf(const warren::config::Config& config,
                             const warren::metrics::MonitorFacts& facts) {
  warren::api::Facts api{.version = facts.version,
                         .revision = facts.revision,
                         .node = facts.node,
                         .storage_backend = facts.storage_backend,
                         .memory_limit = facts.memory_limit};
  for (const warren::config::Setting& setting : config.settings) {
    const bool is_url = setting.key == "storage.url";
    api.configuration.push_back({setting.key,
                                 is_url ? warren::storage::ShownUrl(setting.value) : setting.value,
                                 setting.origin});
  }
  return api;
}

namespace auth = warren::auth;

// Enters the configuration's words into those of the folder that they are for.
auth::AuthenticatorOptions LoginOptions(const warren::config::AuthConfig& config) {
  return {.users_file = config.users,
          .token_keys_file = config.token_keys,
          .token_rules = {.audience = config.token_audience,
                          .issuer = config.token_issuer,
                          .user_claim = config.token_user},
          .throttle = {}};
}

auth::ClientCertificates ForListener(warren::config::ClientCertificates choice) {
  using From = warren::config::ClientCertificates;
  return choice == From::kNone       ? auth::ClientCertificates::kNone
         : choice == From::kRequired ? auth::ClientCertificates::kRequired
                                     : auth::ClientCertificates::kOptional;
}

// Null: plain text.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> ListenerCredentials(
    const warren::config::TlsConfig& config, auth::Stats& stats) {
  if (config.certificate.empty()) return nullptr;
  return auth::MakeTlsCredentials({.certificate = config.certificate,
                                   .key = config.key,
                                   .client_ca = config.client_ca,
                                   .client_certificates = ForListener(config.client_certificates)},
                                  stats);
}

// The hash of the password on standard input, to standard output.
int PrintPasswordHash() {
  std::string password;
  std::getline(std::cin, password);
  if (password.empty() || !auth::InitialisePasswords()) {
    std::cerr << "warren: expected a password on standard input\n";
    return kFailed;
  }
  std::cout << auth::HashPassword(password) << std::endl;
  return 0;
}

// Of no file: nothing. What is wrong is told with the file's name.
absl::StatusOr<warren::api::Document> ReadDefinitionsFile(const std::string& path) {
  if (path.empty()) return warren::api::Document();
  const auto text = auth::ReadFile(path, warren::api::kMaxDocumentBytes);
  if (!text.ok()) return text.status();
  auto document = warren::api::ReadDefinitions(*text, "/");
  if (document.ok()) return document;
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", document.status().message()));
}

// Checks the files that the configuration names.
int Validate(const warren::config::Config& config) {
  auth::Stats stats;
  for (const absl::Status& status :
       {auth::Authenticator::Open(LoginOptions(config.auth), stats).status(),
        ListenerCredentials(config.tls, stats).status(),
        ReadDefinitionsFile(config.definitions).status()}) {
    if (status.ok()) continue;
    std::cerr << "warren: " << status.message() << "\n";
    return kUsageError;
  }
  std::cout << "the configuration is valid" << std::endl;
  return 0;
}

// Whether a running broker is well, as its own health page says.
int Probe(const warren::config::Config& config, std::string_view page) {
  if (page != "livez" && page != "readyz" && page != "startupz") {
    std::cerr << "warren: \"" << page << "\" is none of livez, readyz, startupz\n";
    return kUsageError;
  }
  const auto answer = warren::metrics::Probe(config.http, std::string(page));
  if (!answer.ok()) {
    std::cerr << "warren: " << answer.status().message() << "\n";
    return kFailed;
  }
  std::cout << answer->body << std::flush;
  return answer->status == 200 ? 0 : kFailed;
}

// What a broker takes at most from the request to stop to its end, with some room.
std::chrono::milliseconds StopPatience(const warren::runtime::ShutdownOptions& shutdown) {
  constexpr std::chrono::seconds kEnding(10);
  return std::chrono::milliseconds(shutdown.drain_timeout_ms + shutdown.flush_timeout_ms) + kEnding;
}

// Where this broker and those that it waits for take calls.
struct Addresses {
  std::string listen;      // HOST:PORT; of a broker that can stand by, with the port that it holds
  std::string advertised;  // to other brokers; "": there are none
};

// Carries connections to whoever owns the store, while this broker waits for it.
void ForwardToOwner(warren::standby::Forwarder& forwarder, const Addresses& addresses,
                    const std::string& http, const warren::storage::StoreOwner& owner) {
  // Connections would go round in circles.
  const bool same = owner.address == addresses.advertised;
  if (same) {
    Log(LogLevel::kError, "the broker that serves tells the address of this one",
        {{"address", owner.address},
         {"remedy", "give each broker an address of its own with --advertise"}});
  }
  forwarder.ForwardTo(same ? "" : owner.address);
  Log(LogLevel::kInfo, "forwarding connections",
      {{"grpc", addresses.listen}, {"http", http}, {"to", same ? "" : owner.address}});
}

// What the log levels are to be is read anew with each SIGHUP.
void Reload(int argc, const char* const* argv) {
  const auto config = warren::config::ReloadConfig(argc, argv);
  if (!config.ok()) {
    Log(LogLevel::kError, "the configuration can't be read anew; what was there before counts",
        {{"reason", std::string(config.status().message())}});
    return;
  }
  warren::runtime::SetLogLevels(config->log.levels);
  Log(LogLevel::kInfo, "log levels read anew");
}

int Serve(const warren::config::Config& config, std::function<void()> reload) {
  warren::runtime::Signals signals;
  // Before the store is opened: a mistake in these files is to be known at once.
  auth::Stats auth_stats;
  auto authenticator = auth::Authenticator::Open(LoginOptions(config.auth), auth_stats);
  if (!authenticator.ok()) return Fail("can't read who may log in", authenticator.status());
  auto credentials = ListenerCredentials(config.tls, auth_stats);
  if (!credentials.ok()) return Fail("can't read the certificates", credentials.status());
  auto definitions = ReadDefinitionsFile(config.definitions);
  if (!definitions.ok()) return Fail("can't read the definitions", definitions.status());
  warren::runtime::StallReporter stalls;
  warren::runtime::Stats stats;
  warren::runtime::Vitals vitals;
  warren::runtime::ServiceManager manager(warren::runtime::ServiceManagerFromEnvironment(), vitals,
                                          stalls, stats);
  const warren::runtime::ShutdownOptions shutdown = {.drain_timeout_ms = config.drain_timeout_ms};
  signals.OnReload([&manager, &reload] { manager.Reload(reload); });
  // Signals outlive what they are told to.
  const absl::Cleanup deaf = [&signals] {
    signals.OnReload(nullptr);
    signals.OnStop(nullptr);
  };
  // Before the store, which may be waited for: whoever started the broker can ask what it does.
  std::unique_ptr<warren::metrics::Monitor> monitor;
  if (!config.http.empty()) {
    auto listening =
        warren::metrics::Monitor::Listen(config.http, stats, vitals, stalls,
                                                      FactsOf(config, auth_stats));
    if (!listening.ok()) return Fail("can't listen", listening.status());
    monitor = *std::move(listening);
    Log(LogLevel::kInfo, "serving metrics and health", {{"http", monitor->address()}});
  }

  Addresses addresses{.listen = config.listen, .advertised = ""};
  std::unique_ptr<warren::standby::Forwarder> forwarder;  // null: there is nobody to stand by for
  if (OnPostgres(config)) {
    auto bound = warren::standby::Forwarder::Bind({.listen = config.listen});
    if (!bound.ok()) return Fail("can't listen", bound.status());
    forwarder = *std::move(bound);
    addresses.listen = forwarder->address();
    addresses.advertised =
        warren::config::AdvertisedAddress(config, addresses.listen, HostName());
    stalls.WhileWaiting([&](const warren::storage::StoreOwner& owner) {
      ForwardToOwner(*forwarder, addresses, monitor != nullptr ? monitor->address() : "none",
                     owner);
    });
  }

  std::stop_source stop_journal;
  // A database that can't be reached, or is another broker's for now, is waited for.
  signals.OnStop([&] {
    manager.Stopping(StopPatience(shutdown));
    stop_journal.request_stop();
  });
  auto journal = warren::storage::OpenJournal({.url = config.storage,
                                               .password_file = config.storage_password_file,
                                               .lease_ms = config.lease_ms,
                                               .advertise = addresses.advertised,
                                               .observer = &stalls,
                                               .stop = stop_journal.get_token()});
  // Recovery asks by itself whether it is to stop.
  signals.OnStop([&] { manager.Stopping(StopPatience(shutdown)); });
  if (signals.stop_requested()) return 0;
  if (!journal.ok()) return Fail("can't open the store", journal.status());
  // Clients try again until this one listens.
  if (forwarder != nullptr) forwarder->Stop();
  vitals.Recovering(**journal);
  // Nobody may look at the journal any more when it goes.
  const absl::Cleanup stopped = [&vitals] { vitals.Stopped(); };

  auto spill = warren::storage::Spill::Open({.directory = config.spill_directory});
  if (!spill.ok()) return Fail("can't page messages out of memory", spill.status());
  // What can't leave memory (names, places in queues, what consumers hold) needs the other half.
  warren::core::Broker broker({.seed = std::random_device()(),
                               .max_queues = config.limits.max_queues,
                               .page_out_above_bytes = config.memory_limit / 2});
  const absl::Status recovered =
      warren::runtime::Recover(**journal, broker, spill->get(), stats,
                               [&] { return signals.stop_requested(); });
  if (absl::IsCancelled(recovered)) return 0;
  if (!recovered.ok()) return Fail("can't recover from the store", recovered);

  (*authenticator)->Restore(broker.users());
  if ((*authenticator)->open_to_all()) {
    if (warren::config::MustHaveUsers(config)) {
      std::cerr << "warren: " << warren::config::NoUsersMistake(config) << "\n";
      return kUsageError;
    }
    Log(LogLevel::kWarning, "there are no users: whoever reaches the API may do everything",
        {{"listen", config.listen}, {"remedy", "set auth.users, or make users by the API"}});
  }

  auto server = warren::api::Server::Listen(
      {.address = addresses.listen,
       .credentials = *std::move(credentials),
       .max_message_bytes = config.limits.max_message_bytes,
       .max_headers = config.limits.max_headers,
       .facts = ApiFactsOf(config, FactsOf(config, auth_stats)),
       .max_calls = static_cast<int>(config.limits.max_calls),
       .max_connection_age_ms = static_cast<int>(config.limits.max_connection_age_ms)});
  if (!server.ok()) return Fail("can't listen", server.status());
  if (forwarder != nullptr) forwarder->ReleasePort();
  if (monitor != nullptr) monitor->SetGrpcAddress((*server)->address());

  absl::Status ended;
  {
    warren::runtime::Loop loop((*server)->queue(), broker, **journal, stats,
                               {.flow = {.memory_bytes = config.memory_limit},
                                .shutdown = shutdown,
                                .spill = spill->get()});
    warren::runtime::DiskWatch disks(
        {.folders = FolderPaths(config), .free_limit_bytes = config.disk_free_limit},
        [&loop](warren::runtime::Mail mail) { loop.Post(std::move(mail)); });
    stalls.Attach([&loop](warren::runtime::Mail mail) { loop.Post(std::move(mail)); });
    for (const std::string& name : config.virtual_hosts) {
      loop.Submit(warren::core::DeclareVirtualHost{.request = {}, .name = name});
    }
    loop.registry().SetUsers(authenticator->get());
    (*server)->Serve(loop, **authenticator, auth_stats);
    (*server)->Declare(*std::move(definitions));
    signals.OnStop([&] {
      manager.Stopping(StopPatience(shutdown));
      loop.Post(warren::runtime::StopRequested{});
    });
    vitals.Serving([&loop](warren::runtime::Mail mail) { loop.Post(std::move(mail)); });
    const std::string listening = "grpc=" + (*server)->address() +
                                  " http=" + (monitor != nullptr ? monitor->address() : "none");
    std::cout << "listening on " << listening << std::endl;
    manager.Ready("serving on " + listening);
    ended = loop.Run(**server);
    signals.OnStop(nullptr);
    stalls.Detach();
    vitals.Stopped();
    // An Append that still waits for trouble to pass must not keep the process.
    stop_journal.request_stop();
  }
  // Whoever stands by is waiting for the lease; giving a long backlog's memory back can wait.
  journal->reset();
  if (!ended.ok()) return Fail("the broker had to stop; nothing was confirmed since", ended);
  Log(LogLevel::kInfo, "stopped");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "hash-password") return PrintPasswordHash();
  std::string_view page;  // to ask a running broker for
  if (argc >= 3 && std::string_view(argv[1]) == "probe") {
    page = argv[2];
    argc -= 2;
    argv += 2;
  }
  std::variant<warren::config::Config, int> parsed = warren::config::ParseConfig(argc, argv);
  if (const int* exit_code = std::get_if<int>(&parsed)) return *exit_code;
  const auto& config = std::get<warren::config::Config>(parsed);
  if (!page.empty()) return Probe(config, page);
  if (config.validate) return Validate(config);
  warren::runtime::StartLog(config.log.levels, config.log.form);
  warren::api::RouteLibraryLogs();
  Log(LogLevel::kInfo, "starting",
      {{"version", warren::config::kVersion},
       {"storage", warren::storage::ShownUrl(config.storage)}});
  return Serve(config, [argc, argv] { Reload(argc, argv); });
}
