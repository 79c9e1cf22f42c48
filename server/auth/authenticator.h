// Logins: from what a client shows to what it may do.
//
// Passwords and signatures are checked on a thread of its own, since a password's hash takes tens
// of milliseconds by design; the loop asks only what it knows already. What was found good is known
// for five minutes, by a hash under a key of this process, so that credentials aren't kept. Users
// and keys are read anew when their files change; what is wrong then is logged, and what was there
// before still counts. Beside the users of the file stand those of the store; where both have a
// name the file's counts.
//
// Each refused login has its line in the log (category auth) and is counted.
//
// Thread-safe.
//
// Invariants:
// 1. An Access that Known, Verify or Renew gave rests on users as they were at that time.
// 2. When the users or keys change, nothing is known any more.
// 3. Once OnUserChanged has been called, nobody who begins to log in does so as before it.
// 4. `done` of each Verify and Hash is called exactly once, before the destructor returns.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "server/auth/access.h"
#include "server/auth/credentials.h"
#include "server/auth/file.h"
#include "server/auth/stats.h"
#include "server/auth/throttle.h"
#include "server/auth/token.h"
#include "server/auth/user.h"
#include "server/runtime/sinks.h"
#include "sync/mutex.h"

namespace warren::auth {

struct AuthenticatorOptions {
  std::string users_file;   // "": no users, and nobody is refused anything
  std::string token_keys_file;  // "": no tokens
  TokenRules token_rules;
  ThrottleOptions throttle;
};

class Authenticator final : public runtime::UsersSink {
 public:
  // Reads the files. INVALID_ARGUMENT or NOT_FOUND names the file and what is wrong in it.
  // `stats` must outlive it.
  static absl::StatusOr<std::unique_ptr<Authenticator>> Open(AuthenticatorOptions options,
                                                             Stats& stats);
  ~Authenticator();

  // The users of the store, as they were recovered. Before anybody logs in.
  void Restore(const std::map<std::string, storage::User>& users);
  // From now on the user of the store is so, or is gone.
  void OnUserChanged(core::UserChanged changed) override;

  // Whether nobody needs to log in: there is no users file, and no user was stored. The first user
  // closes the door; it doesn't open again while the broker runs.
  bool open_to_all() const { return open_to_all_.load(); }
  bool takes_tokens() const { return !options_.token_keys_file.empty(); }
  // The users of the file; null if there is none.
  std::shared_ptr<const Directory> configured();

  // What these credentials are known for; null if they have to be verified.
  AccessPtr Known(const Credentials& credentials);

  // Verifies on its own thread, where `done` is called with the access, or with UNAUTHENTICATED
  // (CREDENTIALS_MISSING, LOGIN_REFUSED) or RESOURCE_EXHAUSTED (LOGIN_THROTTLED), which say how
  // and nothing else. `done` mustn't block.
  using Done = std::function<void(absl::StatusOr<AccessPtr>)>;
  void Verify(Credentials credentials, Done done);

  // Hashes a password on its own thread, where `done` is called with the hash; "" if there is no
  // memory for it. `done` mustn't block.
  using Hashed = std::function<void(std::string)>;
  void Hash(std::string password, Hashed done);

  // What a login counts for now; UNAUTHENTICATED (LOGIN_ENDED) if it doesn't any more: the user or
  // the way to log in is gone, or the token expired.
  absl::StatusOr<AccessPtr> Renew(const AccessPtr& access);
  // Changes whenever users or keys do.
  uint64_t generation() const { return generation_.load(); }

 private:
  using Fingerprint = std::array<unsigned char, 32>;
  struct Login {
    AccessPtr access;
    int64_t until_ms = 0;
  };
  struct LoginJob {
    Credentials credentials;
    Done done;
  };
  struct HashJob {
    std::string password;
    Hashed done;
  };
  using Job = std::variant<LoginJob, HashJob>;

  Authenticator(AuthenticatorOptions options, Stats& stats);

  Fingerprint FingerprintOf(const Credentials& credentials) const;
  absl::Status LoadUsers();
  absl::Status LoadKeys();
  void TakeChanges();
  // What was known is forgotten, and the generation rises.
  void Publish();
  void ReloadIfChanged();
  void Run();
  absl::StatusOr<AccessPtr> Judge(const Credentials& credentials);
  absl::StatusOr<AccessPtr> Check(const Credentials& credentials);
  absl::StatusOr<AccessPtr> CheckPassword(const std::string& authorization,
                                          const std::shared_ptr<const Directory>& directory);
  absl::StatusOr<AccessPtr> CheckToken(const std::string& authorization,
                                       const std::shared_ptr<const Directory>& directory);
  std::shared_ptr<const Directory> directory();
  void Remember(const Credentials& credentials, const AccessPtr& access, uint64_t generation);

  const AuthenticatorOptions options_;
  Stats& stats_;
  const std::array<unsigned char, 32> cache_key_;
  std::atomic<uint64_t> generation_{1};
  std::atomic<bool> open_to_all_;

  // Of its thread alone, once it runs.
  FileMark users_mark_;
  FileMark keys_mark_;
  std::shared_ptr<const KeySet> keys_;
  std::map<std::string, UserPtr> stored_;

  Mutex mutex_;
  CondVar changed_;
  bool ending_ WARREN_GUARDED_BY(mutex_) = false;
  std::deque<Job> jobs_ WARREN_GUARDED_BY(mutex_);
  Throttle throttle_ WARREN_GUARDED_BY(mutex_);
  std::vector<core::UserChanged> changes_ WARREN_GUARDED_BY(mutex_);  // not in directory_ yet
  std::shared_ptr<const Directory> configured_ WARREN_GUARDED_BY(mutex_);
  std::shared_ptr<const Directory> directory_ WARREN_GUARDED_BY(mutex_);  // of both
  absl::flat_hash_map<Fingerprint, Login> known_ WARREN_GUARDED_BY(mutex_);

  std::thread thread_;
};

}  // namespace warren::auth
