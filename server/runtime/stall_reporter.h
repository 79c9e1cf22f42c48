// Carries what the journal says about transient trouble, and about the end of ownership, into the
// log and to the loop.
//
// The journal is opened and recovered before there is a loop; until Attach trouble is only logged,
// and the end of ownership kept.
//
// Thread safety: thread-safe.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "server/runtime/mail.h"
#include "storage/journal.h"
#include "sync/mutex.h"

namespace warren::runtime {

class StallReporter final : public storage::JournalObserver {
 public:
  // `post` is the loop's, and doesn't call back.
  void Attach(std::function<void(Mail)> post);
  // Before the loop goes.
  void Detach();

  void OnStalled(std::string_view reason) override;
  void OnResumed() override;
  void OnHindered(std::string_view reason) override;
  void OnLost(const absl::Status& why) override;

 private:
  void Post(Mail mail);

  Mutex mutex_;
  std::function<void(Mail)> post_ WARREN_GUARDED_BY(mutex_);
  std::optional<absl::Status> lost_ WARREN_GUARDED_BY(mutex_);
};

}  // namespace warren::runtime
