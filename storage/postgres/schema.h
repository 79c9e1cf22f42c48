// Brings the schema `warren` of a database to the version that this broker works with.
//
// Scripts schema/NNNN.sql are applied in order, each in a transaction of its own together with its
// row of warren.schema_migrations, so that a start that was cut off goes on where it ended. Several
// brokers may do this at once: that row lets one go first, and the others see it.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "storage/postgres/access.h"
#include "storage/postgres/link.h"

namespace warren::storage {

// FAILED_PRECONDITION if the server is too old, the database's encoding isn't UTF8, or a newer
// broker made the schema; PERMISSION_DENIED if the role may not make it; else as in trouble.h.
// The link looks at what is there, since libpqxx would tell a server's refusal without its SQLSTATE.
// Scripts, if any are missing, go through libpqxx, on a connection of their own.
absl::Status Migrate(Link& link, const PostgresAccess& access);

// The parts of Migrate that look at the server only.
absl::Status CheckServer(std::string_view where, int server_version, std::string_view encoding);
absl::Status CheckSchemaVersion(std::string_view where, int found, int known);

}  // namespace warren::storage
