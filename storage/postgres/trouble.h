// What goes wrong with a database, as errors that say what it is, where, and what to do about it.
//
// The code decides what the broker does; tables of it in trouble.cc and docs/postgresql.md.
//   UNAVAILABLE          passes in time: a lost connection, a restart, a full disk, a standby, …
//   UNAUTHENTICATED,     a person must act, and may do so while the broker waits: a password is
//   PERMISSION_DENIED    being changed, a grant is missing
//   FAILED_PRECONDITION  a person must act before the broker can start: no such database, wrong
//                        version or encoding, tables that are gone
//   ABORTED              another broker owns the database now
//   DATA_LOSS            the database is damaged
//   ALREADY_EXISTS       warren.commit_batch: this batch is there already
//   INVALID_ARGUMENT,    what was asked can't be done, and never will be
//   INTERNAL
//
// Thread-safe: functions only.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace warren::storage {

// SQLSTATEs that functions of schema/*.sql raise.
inline constexpr std::string_view kStateDeposed = "WR001";
inline constexpr std::string_view kStateBatchIsThere = "WR002";
inline constexpr std::string_view kStateBatchOutOfOrder = "WR003";

// Whether the trouble may be over later without a restart of the broker, so that a running one
// waits instead of stopping.
bool MayPass(const absl::Status& status);

// A statement failed. `where` is the redacted URL; `doing` is as in "can't <doing>"; `state` is the
// SQLSTATE, empty if the connection broke; `message` is what libpq says.
absl::Status SqlTrouble(std::string_view where, std::string_view doing, std::string_view state,
                        std::string_view message);

// A connection could not be made. `message` is PQerrorMessage of a connection that was set to
// PQERRORS_VERBOSE before it was tried, since libpq gives the SQLSTATE there alone, and the
// server's words are in the server's language. If several hosts were tried, one that may come back
// counts.
absl::Status ConnectTrouble(std::string_view where, std::string_view message);

}  // namespace warren::storage
