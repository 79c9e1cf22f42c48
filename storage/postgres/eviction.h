// Ends what is left of former writers at the server: their transactions hold locks.
//
// A broker that hangs, is stopped, or is cut off by its network has a connection that looks alive to
// the server, for as long as the keepalives of both sides let it. A transaction that was under way
// on it holds the rows that it has touched, and nobody else could write them. Nothing of it is lost:
// it was fenced off already, or its outcome is asked for.
//
// Place in the life of a message: step 6, when the lease changes hands or a connection was lost.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "storage/postgres/link.h"

namespace warren::storage {

// The application_name of sessions that write, and of no other.
inline constexpr char kWriterName[] = "warren writer";

// Ends all sessions of writers but this one, if the shard's row is as `shard_is` says, an SQL
// condition on warren.shards. Waits for no lock. Their role must be ours; others are left alone.
absl::Status EvictWriters(Link& link, std::string_view shard_is);

}  // namespace warren::storage
