// The writer's transactions: numbered, fenced, and never of unknown outcome for long.
//
// Each transaction of the owner has the next number, and its last statement (warren.commit_batch)
// stores that number if the shard is still ours and the number before is there. So after a lost
// connection a look at the shard tells whether the last one took effect. If it didn't, its number
// is used up with the same look, and no other transaction gets it: so it never takes effect later,
// even if the server is still busy with it, and isn't taken for the transaction that came next.
//
// Place in the life of a message: step 6, between the batch writer and the link.
//
// Thread safety: thread-compatible.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/postgres/link.h"

namespace warren::storage {

// What the session has to know of the lease.
struct Ownership {
  int64_t epoch = 0;
  int64_t lease_ms = 0;
  // A commit that was begun then renewed the lease.
  std::function<void(std::chrono::steady_clock::time_point begun)> renewed;
};

class Session {
 public:
  // REQUIRES: no transaction of this epoch has been written yet.
  Session(LinkOptions link, Ownership ownership)
      : options_(std::move(link)), ownership_(std::move(ownership)) {}

  // Whether a transaction can be begun: connected, and the outcome of all before is known.
  bool ready() const { return link_ != nullptr && link_->is_open(); }
  // Connects anew. Yields whether the transaction that was under way when the connection broke took
  // effect. ABORTED if another broker owns the shard now; DATA_LOSS if the database lacks
  // transactions that were committed; else as in trouble.h.
  absl::StatusOr<bool> Resume();

  // Begins a transaction of these statements, each ended by a semicolon; COPY … FROM STDIN are fed
  // through the link. REQUIRES: ready().
  void Begin(std::string_view statements, std::string_view doing);
  // Begins a transaction of statements that the link's Execute adds: one round trip with Commit.
  // REQUIRES: ready().
  void BeginPipeline(std::string_view doing);
  // Commits. After an error it had no effect if ready(), else only Resume can tell.
  absl::Status Commit();
  // Instead of Commit.
  void Abandon() { link_->Abandon(); }

  // REQUIRES: ready().
  Link& link() { return *link_; }
  int64_t epoch() const { return ownership_.epoch; }

 private:
  const LinkOptions options_;
  const Ownership ownership_;
  std::unique_ptr<Link> link_;
  bool in_pipeline_ = false;
  int64_t number_ = 1;  // of the next transaction, or of the one under way
  std::chrono::steady_clock::time_point begun_;
};

}  // namespace warren::storage
