#include "server/auth/authenticator.h"

#include <sodium.h>

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/auth/password.h"
#include "server/auth/users_file.h"
#include "server/runtime/clock.h"
#include "server/runtime/log.h"

namespace warren::auth {
namespace {

using runtime::Log;
using runtime::LogCategory;
using runtime::LogLevel;
using runtime::NowMs;

constexpr int64_t kKnownForMs = 300'000;
constexpr size_t kMaxKnown = 10'000;
// A password takes tens of milliseconds; whoever comes later than this is told to come again.
constexpr size_t kMaxJobs = 1'000;
constexpr size_t kMaxUsersFileBytes = size_t{16} << 20;
constexpr size_t kMaxKeysFileBytes = size_t{1} << 20;
constexpr auto kLookAtFilesEvery = std::chrono::seconds(1);

std::array<unsigned char, 32> RandomKey() {
  std::array<unsigned char, 32> key;
  randombytes_buf(key.data(), key.size());
  return key;
}

std::string Text(absl::string_view text) { return {text.data(), text.size()}; }

absl::Status Unauthenticated(std::string_view reason, std::string_view message) {
  return Error(absl::StatusCode::kUnauthenticated, reason, {"login", "", ""}, message);
}

absl::Status Missing() {
  return Unauthenticated("CREDENTIALS_MISSING",
                         "this broker takes a login: send `authorization: Basic …` or "
                         "`authorization: Bearer …`, or a client certificate");
}

absl::Status Throttled(std::string_view why) {
  return Error(absl::StatusCode::kResourceExhausted, "LOGIN_THROTTLED", {"login", "", ""},
               std::string(absl::StrCat(absl::string_view(why.data(), why.size()),
                                        "; try again in a second")));
}

bool LoggedInWith(const User& user, const User& before, Mechanism mechanism) {
  switch (mechanism) {
    case Mechanism::kBasic: return user.password_hash == before.password_hash;
    case Mechanism::kCertificate: return user.certificates == before.certificates;
    default: return true;
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Authenticator>> Authenticator::Open(AuthenticatorOptions options,
                                                                   Stats& stats) {
  if (!InitialisePasswords()) return absl::UnavailableError("this machine gives no random numbers");
  std::unique_ptr<Authenticator> made(new Authenticator(std::move(options), stats));
  if (!made->options_.users_file.empty()) {
    if (absl::Status status = made->LoadUsers(); !status.ok()) return status;
  }
  if (absl::Status status = made->LoadKeys(); !status.ok()) return status;
  made->thread_ = std::thread([&authenticator = *made] { authenticator.Run(); });
  return made;
}

Authenticator::Authenticator(AuthenticatorOptions options, Stats& stats)
    : options_(std::move(options)),
      stats_(stats),
      cache_key_(RandomKey()),
      open_to_all_(options_.users_file.empty()),
      throttle_(options_.throttle),
      directory_(Directory::Join(nullptr, {})) {}

Authenticator::~Authenticator() {
  {
    const MutexLock lock(mutex_);
    ending_ = true;
  }
  changed_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

absl::Status Authenticator::LoadUsers() {
  users_mark_ = MarkOf(options_.users_file);
  const auto text = ReadFile(options_.users_file, kMaxUsersFileBytes);
  if (!text.ok()) return text.status();
  auto directory = ParseUsers(*text, options_.users_file);
  if (!directory.ok()) return directory.status();
  {
    const MutexLock lock(mutex_);
    configured_ = *std::move(directory);
  }
  Publish();
  return absl::OkStatus();
}

void Authenticator::Publish() {
  const std::shared_ptr<const Directory> file = configured();
  std::shared_ptr<const Directory> both = Directory::Join(file.get(), stored_);
  const MutexLock lock(mutex_);
  directory_ = std::move(both);
  known_.clear();
  ++generation_;
}

void Authenticator::Restore(const std::map<std::string, storage::User>& users) {
  for (const auto& [name, user] : users) {
    OnUserChanged({.name = name, .user = user});
  }
}

void Authenticator::OnUserChanged(core::UserChanged changed) {
  {
    const MutexLock lock(mutex_);
    if (changed.user) open_to_all_ = false;
    changes_.push_back(std::move(changed));
    known_.clear();
    ++generation_;
  }
  changed_.NotifyAll();
}

void Authenticator::TakeChanges() {
  std::vector<core::UserChanged> changes;
  {
    const MutexLock lock(mutex_);
    changes.swap(changes_);
  }
  if (changes.empty()) return;
  for (const core::UserChanged& change : changes) {
    if (change.user) {
      stored_[change.name] = std::make_shared<const User>(FromStored(*change.user));
    } else {
      stored_.erase(change.name);
    }
  }
  Publish();
}

std::shared_ptr<const Directory> Authenticator::configured() {
  const MutexLock lock(mutex_);
  return configured_;
}

absl::Status Authenticator::LoadKeys() {
  if (options_.token_keys_file.empty()) return absl::OkStatus();
  keys_mark_ = MarkOf(options_.token_keys_file);
  const auto text = ReadFile(options_.token_keys_file, kMaxKeysFileBytes);
  if (!text.ok()) return text.status();
  auto keys = KeySet::Parse(*text);
  if (!keys.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(options_.token_keys_file, ": ", keys.status().message()));
  }
  keys_ = *std::move(keys);
  const MutexLock lock(mutex_);
  known_.clear();
  ++generation_;
  return absl::OkStatus();
}

void Authenticator::ReloadIfChanged() {
  const auto reload = [this](const std::string& path, const FileMark& mark,
                             absl::Status (Authenticator::*load)()) {
    if (path.empty() || MarkOf(path) == mark) return;
    const absl::Status status = (this->*load)();
    if (status.ok()) {
      Log(LogCategory::kAuth, LogLevel::kInfo, "read anew", {{"file", path}});
    } else {
      Log(LogCategory::kAuth, LogLevel::kError, "can't be read anew; what was there before counts",
          {{"file", path}, {"reason", Text(status.message())}});
    }
  };
  reload(options_.users_file, users_mark_, &Authenticator::LoadUsers);
  reload(options_.token_keys_file, keys_mark_, &Authenticator::LoadKeys);
}

// Of everything that the login rests on.
Authenticator::Fingerprint Authenticator::FingerprintOf(const Credentials& credentials) const {
  crypto_generichash_state state;
  crypto_generichash_init(&state, cache_key_.data(), cache_key_.size(), sizeof(Fingerprint));
  const auto add = [&state](std::string_view text) {
    const uint64_t size = text.size();
    crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(&size), sizeof size);
    crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(text.data()),
                              text.size());
  };
  add(credentials.authorization);
  if (credentials.authorization.empty()) {
    for (const std::string& name : credentials.certificates) add(name);
  }
  Fingerprint fingerprint;
  crypto_generichash_final(&state, fingerprint.data(), fingerprint.size());
  return fingerprint;
}

AccessPtr Authenticator::Known(const Credentials& credentials) {
  static const AccessPtr kEverything = std::make_shared<const Access>();
  if (open_to_all()) return kEverything;
  const Fingerprint fingerprint = FingerprintOf(credentials);
  const int64_t now_ms = NowMs();
  const MutexLock lock(mutex_);
  const auto it = known_.find(fingerprint);
  if (it == known_.end() || it->second.until_ms <= now_ms) return nullptr;
  return it->second.access;
}

void Authenticator::Remember(const Credentials& credentials, const AccessPtr& access,
                             uint64_t generation) {
  const Fingerprint fingerprint = FingerprintOf(credentials);
  const int64_t until_ms = std::min(NowMs() + kKnownForMs, access->expires_at_ms());
  const MutexLock lock(mutex_);
  throttle_.Succeeded(credentials.address);
  if (generation != generation_) return;
  if (known_.size() >= kMaxKnown) known_.clear();
  known_.insert_or_assign(fingerprint, Login{access, until_ms});
}

void Authenticator::Verify(Credentials credentials, Done done) {
  absl::Status refusal;
  {
    const MutexLock lock(mutex_);
    if (jobs_.size() >= kMaxJobs) {
      refusal = Throttled("too many logins are waiting");
    } else if (MechanismOf(credentials) == Mechanism::kNone) {
      refusal = Missing();
    } else if (!throttle_.Admit(credentials.address, NowMs())) {
      refusal = Throttled("too many logins from this address have failed");
    } else {
      jobs_.push_back(LoginJob{std::move(credentials), std::move(done)});
    }
  }
  if (refusal.ok()) {
    changed_.NotifyAll();
    return;
  }
  const Mechanism mechanism = MechanismOf(credentials);
  stats_.CountAttempt(mechanism, absl::IsResourceExhausted(refusal) ? LoginResult::kThrottled
                                                                    : LoginResult::kRefused);
  Log(LogCategory::kAuth, LogLevel::kWarning, "login refused",
      {{"connection", credentials.address},
       {"mechanism", std::string(MechanismName(mechanism))},
       {"reason", ErrorInfoOf(refusal).reason}});
  done(refusal);
}

void Authenticator::Hash(std::string password, Hashed done) {
  {
    const MutexLock lock(mutex_);
    jobs_.push_back(HashJob{std::move(password), std::move(done)});
  }
  changed_.NotifyAll();
}

void Authenticator::Run() {
  while (true) {
    std::optional<Job> job;
    {
      MutexLock lock(mutex_);
      changed_.WaitFor(mutex_, kLookAtFilesEvery, [this]() WARREN_REQUIRES(mutex_) {
        return ending_ || !jobs_.empty() || !changes_.empty();
      });
      if (!jobs_.empty()) {
        job = std::move(jobs_.front());
        jobs_.pop_front();
      } else if (ending_) {
        return;
      }
    }
    ReloadIfChanged();
    TakeChanges();
    if (!job) continue;
    if (const auto* login = std::get_if<LoginJob>(&*job)) {
      login->done(Judge(login->credentials));
    } else if (const auto* hash = std::get_if<HashJob>(&*job)) {
      hash->done(HashPassword(hash->password));
    }
  }
}

// Check, and all that follows from it.
absl::StatusOr<AccessPtr> Authenticator::Judge(const Credentials& credentials) {
  // Many calls of one client come at once; the first one's answer is the others'.
  if (AccessPtr known = Known(credentials)) {
    const MutexLock lock(mutex_);
    throttle_.Succeeded(credentials.address);
    return known;
  }
  const uint64_t generation = generation_;
  absl::StatusOr<AccessPtr> access = Check(credentials);
  const Mechanism mechanism = MechanismOf(credentials);
  stats_.CountAttempt(mechanism, access.ok() ? LoginResult::kAccepted : LoginResult::kRefused);
  if (access.ok()) {
    Remember(credentials, *access, generation);
    Log(LogCategory::kAuth, LogLevel::kDebug, "logged in",
        {{"connection", credentials.address},
         {"user", (*access)->user_name()},
         {"mechanism", std::string(MechanismName(mechanism))}});
    return access;
  }
  const auto basic = ParseBasic(credentials.authorization);
  Log(LogCategory::kAuth, LogLevel::kWarning, "login refused",
      {{"connection", credentials.address},
       {"user", basic.ok() ? basic->user : ""},
       {"mechanism", std::string(MechanismName(mechanism))},
       {"reason", Text(access.status().message())}});
  return access;
}

std::shared_ptr<const Directory> Authenticator::directory() {
  const MutexLock lock(mutex_);
  return directory_;
}

absl::StatusOr<AccessPtr> Authenticator::Check(const Credentials& credentials) {
  const std::shared_ptr<const Directory> users = directory();
  switch (MechanismOf(credentials)) {
    case Mechanism::kNone:
      return Missing();
    case Mechanism::kBasic:
      return CheckPassword(credentials.authorization, users);
    case Mechanism::kBearer:
      return CheckToken(credentials.authorization, users);
    case Mechanism::kCertificate:
      break;
  }
  const User* user = users->FindByCertificate(credentials.certificates);
  if (user == nullptr) {
    return Unauthenticated("LOGIN_REFUSED", "no user has this certificate");
  }
  return std::make_shared<const Access>(users, *user, Mechanism::kCertificate, Access::kNever);
}

absl::StatusOr<AccessPtr> Authenticator::CheckPassword(
    const std::string& authorization, const std::shared_ptr<const Directory>& users) {
  const auto login = ParseBasic(authorization);
  if (!login.ok()) return Unauthenticated("LOGIN_REFUSED", Text(login.status().message()));
  const User* user = users->Find(login->user);
  const bool has_password = user != nullptr && !user->password_hash.empty();
  if (!has_password) PretendToCheck(login->password);
  if (!has_password || !PasswordMatches(user->password_hash, login->password)) {
    return Unauthenticated("LOGIN_REFUSED", "user or password is wrong");
  }
  return std::make_shared<const Access>(users, *user, Mechanism::kBasic, Access::kNever);
}

absl::StatusOr<AccessPtr> Authenticator::CheckToken(
    const std::string& authorization, const std::shared_ptr<const Directory>& users) {
  if (keys_ == nullptr) {
    return Unauthenticated("LOGIN_REFUSED", "this broker takes no tokens; auth.token_keys is unset");
  }
  const auto facts = keys_->Check(ParseBearer(authorization), options_.token_rules, NowMs());
  if (!facts.ok()) return Unauthenticated("LOGIN_REFUSED", Text(facts.status().message()));
  const User* user = users->Find(facts->user);
  if (user == nullptr) return Unauthenticated("LOGIN_REFUSED", "the token's user is unknown");
  return std::make_shared<const Access>(users, *user, Mechanism::kBearer, facts->expires_at_ms);
}

absl::StatusOr<AccessPtr> Authenticator::Renew(const AccessPtr& access) {
  if (access->everything()) {
    if (open_to_all()) return access;
    return Unauthenticated("LOGIN_ENDED", "there are users now; log in");
  }
  const std::shared_ptr<const Directory> users = directory();
  const User* user = users->Find(access->user_name());
  if (access->expires_at_ms() <= NowMs() || user == nullptr ||
      !LoggedInWith(*user, access->user(), access->mechanism())) {
    return Unauthenticated("LOGIN_ENDED",
                           "the login counts no longer: the token has expired, or the user was "
                           "changed; log in anew");
  }
  if (user == &access->user()) return access;
  return std::make_shared<const Access>(users, *user, access->mechanism(),
                                        access->expires_at_ms());
}

}  // namespace warren::auth
