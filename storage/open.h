// Opens the journal that --storage names. The one place that knows all backends: a new one is a
// folder, and a line in open.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "storage/journal.h"

namespace warren::storage {

struct JournalOptions {
  // One of
  //   memory:         nothing survives the process
  //   rocksdb:PATH    a directory, made if it isn't there
  //   postgres://…    a database, as libpq takes it; postgresql:// is the same
  std::string url;
  // PostgreSQL: a file with the password, read anew for each connection; "": none.
  std::string password_file;
  // PostgreSQL: how long the database stays this broker's without a sign of life.
  int64_t lease_ms = 10'000;
  // PostgreSQL: HOST:PORT at which this broker takes calls once the database is its own, told to
  // those that wait for it; "": none.
  std::string advertise;
  // Outlives the journal; null if nobody listens.
  JournalObserver* observer = nullptr;
  // Ends waits, in OpenJournal and in Append.
  std::stop_token stop;
};

// Waits while a database can't be reached, or belongs to another broker, and tells the observer:
// OnStalled of the one, OnWaiting of the other.
// INVALID_ARGUMENT if the URL can't be understood; CANCELLED if stopped while waiting; what the
// backend's Open returns otherwise, always with words on what to do.
absl::StatusOr<std::unique_ptr<Journal>> OpenJournal(const JournalOptions& options);

// The URL as it may be shown in logs: without passwords.
std::string ShownUrl(std::string_view url);

}  // namespace warren::storage
