// Carries what the journal says about transient trouble, about waiting for the store's owner, and
// about the end of ownership, into the log and to the loop, and remembers it for those who ask.
//
// The journal is opened and recovered before there is a loop; until Attach trouble is only logged,
// and the end of ownership kept.
//
// Thread safety: thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "server/runtime/mail.h"
#include "storage/journal.h"
#include "sync/mutex.h"

namespace warren::runtime {

// A broker that waits for its turn.
struct Standby {
  storage::StoreOwner owner;
  std::chrono::system_clock::time_point since;  // it waits, for whomever
};

class StallReporter final : public storage::JournalObserver {
 public:
  // `post` is the loop's, and doesn't call back.
  void Attach(std::function<void(Mail)> post);
  // Before the loop goes.
  void Detach();

  // Called with each owner of the store that is waited for, on the thread that opens it.
  // REQUIRES: called before that begins.
  void WhileWaiting(std::function<void(const storage::StoreOwner&)> tell) {
    tell_ = std::move(tell);
  }

  // None if the store isn't waited for. Stays while there is trouble with looking.
  std::optional<Standby> standby() const;
  // Why the store can't go on for now; "" if it can. Known before there is a loop, too.
  std::string trouble() const;
  // How often it couldn't, had another reason for that, or couldn't be tidied.
  uint64_t troubles() const;

  void OnStalled(std::string_view reason) override;
  void OnWaiting(const storage::StoreOwner& owner) override;
  void OnResumed() override;
  void OnHindered(std::string_view reason) override;
  void OnLost(const absl::Status& why) override;

 private:
  void Post(Mail mail);

  std::function<void(const storage::StoreOwner&)> tell_;  // null: nobody asked

  mutable Mutex mutex_;
  std::optional<Standby> standby_ WARREN_GUARDED_BY(mutex_);
  std::string trouble_ WARREN_GUARDED_BY(mutex_);
  uint64_t troubles_ WARREN_GUARDED_BY(mutex_) = 0;
  std::function<void(Mail)> post_ WARREN_GUARDED_BY(mutex_);
  std::optional<absl::Status> lost_ WARREN_GUARDED_BY(mutex_);
};

}  // namespace warren::runtime
