#include "storage/postgres/eviction.h"

#include "absl/strings/str_cat.h"

namespace warren::storage {

absl::Status EvictWriters(Link& link, std::string_view shard_is) {
  return link
      .Query(absl::StrCat("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                          "WHERE datname = current_database() AND usename = current_user "
                          "AND application_name = '", kWriterName, "' AND pid <> pg_backend_pid() "
                          "AND EXISTS (SELECT FROM warren.shards WHERE shard = 0 AND ",
                          absl::string_view(shard_is.data(), shard_is.size()), ")"),
             "end the session of a former writer")
      .status();
}

}  // namespace warren::storage
