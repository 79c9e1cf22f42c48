// How to reach the database: from what the operator configured to what libpq takes, and to what
// may be shown. Thread-safe: functions only.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace warren::storage {

struct PostgresAccess {
  // As libpq takes it: postgres://user@host:port/database?parameter=value&…
  std::string url;
  // Read anew for each connection, so that a password can be changed while the broker runs; counts
  // over a password in the URL. "" is none.
  std::string password_file;
};

// What libpq connects with: the URL's parameters; the password file's content without
// its last line end; an application name, UTF8, and limits for the time in which a dead connection
// is noticed, unless the URL has its own.
// INVALID_ARGUMENT if libpq can't parse the URL; UNAUTHENTICATED if the password file can't be
// read.
absl::StatusOr<std::string> ConnectionString(const PostgresAccess& access,
                                             std::string_view application_name);

// The URL without passwords, for logs and errors. What can't be parsed isn't shown at all.
std::string Redacted(std::string_view url);

}  // namespace warren::storage
