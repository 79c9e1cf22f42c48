#include "storage/open.h"

#include <iterator>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "storage/memory/memory_journal.h"
#include "storage/rocksdb/rocksdb_journal.h"

namespace warren::storage {
namespace {

using Opened = absl::StatusOr<std::unique_ptr<Journal>>;

absl::string_view Absl(std::string_view s) { return {s.data(), s.size()}; }

Opened OpenMemory(std::string_view rest, JournalObserver* /*observer*/, std::stop_token /*stop*/) {
  if (!rest.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("storage \"memory:", Absl(rest), "\": nothing may follow \"memory:\""));
  }
  return std::make_unique<MemoryJournal>(std::make_shared<MemoryStore>());
}

Opened OpenRocksDb(std::string_view path, JournalObserver* observer, std::stop_token stop) {
  if (path.empty() || path.find('\0') != std::string_view::npos) {
    return absl::InvalidArgumentError(
        "storage \"rocksdb:\" needs the path of a directory, as in rocksdb:/var/lib/warren");
  }
  return RocksDbJournal::Open({.path = std::string(path), .stop = std::move(stop)}, observer);
}

struct Backend {
  std::string_view scheme;
  std::string_view form;  // for error messages
  Opened (*open)(std::string_view rest, JournalObserver* observer, std::stop_token stop);
};

constexpr Backend kBackends[] = {
    {"memory:", "memory:", OpenMemory},
    {"rocksdb:", "rocksdb:PATH", OpenRocksDb},
};

}  // namespace

absl::StatusOr<std::unique_ptr<Journal>> OpenJournal(std::string_view url,
                                                     JournalObserver* observer,
                                                     std::stop_token stop) {
  for (const Backend& backend : kBackends) {
    if (url.starts_with(backend.scheme)) {
      return backend.open(url.substr(backend.scheme.size()), observer, std::move(stop));
    }
  }
  const auto form = [](std::string* out, const Backend& b) { absl::StrAppend(out, Absl(b.form)); };
  return absl::InvalidArgumentError(
      absl::StrCat("storage \"", Absl(url), "\" is unknown, known are ",
                   absl::StrJoin(std::begin(kBackends), std::end(kBackends), ", ", form)));
}

}  // namespace warren::storage
