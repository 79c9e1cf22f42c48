#include "storage/open.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "storage/absl_view.h"
#include "storage/memory/memory_journal.h"
#include "storage/postgres/access.h"
#include "storage/postgres/postgres_journal.h"
#include "storage/rocksdb/rocksdb_journal.h"
#include "storage/wait.h"

namespace warren::storage {
namespace {

using Opened = absl::StatusOr<std::unique_ptr<Journal>>;

Opened OpenMemory(std::string_view rest, const JournalOptions& /*options*/) {
  if (!rest.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("storage \"memory:", Absl(rest), "\": nothing may follow \"memory:\""));
  }
  return std::make_unique<MemoryJournal>(std::make_shared<MemoryStore>());
}

Opened OpenRocksDb(std::string_view path, const JournalOptions& options) {
  if (path.empty() || path.find('\0') != std::string_view::npos) {
    return absl::InvalidArgumentError(
        "storage \"rocksdb:\" needs the path of a directory, as in rocksdb:/var/lib/warren");
  }
  return RocksDbJournal::Open({.path = std::string(path), .stop = options.stop}, options.observer);
}

// Broker and database are often started together, so a broker waits for its database as it does
// later when that is started anew.
Opened OpenPostgres(std::string_view /*rest*/, const JournalOptions& options) {
  constexpr std::chrono::milliseconds kMostPause{5'000};
  std::chrono::milliseconds pause{100};
  bool told = false;
  while (true) {
    Opened journal = PostgresJournal::Open(
        {.access = {.url = options.url, .password_file = options.password_file},
         .lease_ms = options.lease_ms,
         .advertise = options.advertise,
         .stop = options.stop},
        options.observer);
    if (!absl::IsUnavailable(journal.status())) {
      if (journal.ok() && told) options.observer->OnResumed();
      return journal;
    }
    // Each time: it may have waited for another broker since, and the observer been told that.
    if (options.observer != nullptr) {
      told = true;
      options.observer->OnStalled(std::string(journal.status().message()));
    }
    if (!WaitUnlessStopped(options.stop, pause)) {
      return absl::CancelledError(
          absl::StrCat("stopped while waiting: ", journal.status().message()));
    }
    pause = std::min(pause * 2, kMostPause);
  }
}

struct Backend {
  std::string_view scheme;
  std::string_view form;  // for error messages
  Opened (*open)(std::string_view rest, const JournalOptions& options);
};

constexpr std::string_view kPostgres = "postgres:";
constexpr std::string_view kPostgresql = "postgresql:";

constexpr Backend kBackends[] = {
    {"memory:", "memory:", OpenMemory},
    {"rocksdb:", "rocksdb:PATH", OpenRocksDb},
    {kPostgres, "postgres://USER@HOST/DATABASE", OpenPostgres},
    {kPostgresql, "postgresql://USER@HOST/DATABASE", OpenPostgres},
};

}  // namespace

absl::StatusOr<std::unique_ptr<Journal>> OpenJournal(const JournalOptions& options) {
  const std::string_view url = options.url;
  for (const Backend& backend : kBackends) {
    if (url.starts_with(backend.scheme)) {
      return backend.open(url.substr(backend.scheme.size()), options);
    }
  }
  const auto form = [](std::string* out, const Backend& b) { absl::StrAppend(out, Absl(b.form)); };
  return absl::InvalidArgumentError(
      absl::StrCat("storage \"", ShownUrl(url), "\" is unknown, known are ",
                   absl::StrJoin(std::begin(kBackends), std::end(kBackends), ", ", form)));
}

std::string ShownUrl(std::string_view url) {
  if (url.starts_with(kPostgres) || url.starts_with(kPostgresql)) return Redacted(url);
  // A scheme with a slip of the pen in it may be followed by a password all the same.
  const size_t scheme_end = url.find("://");
  return scheme_end == std::string_view::npos
             ? std::string(url)
             : absl::StrCat(Absl(url.substr(0, scheme_end)), "://...");
}

}  // namespace warren::storage
