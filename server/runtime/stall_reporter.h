// Carries what the journal says about transient trouble, and about the end of ownership, into the
// log and to the loop.
//
// The journal is opened and recovered before there is a loop; until Attach trouble is only logged,
// and the end of ownership kept.
//
// Thread safety: thread-safe.
#pragma once

#include <mutex>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "server/runtime/loop.h"
#include "storage/journal.h"

namespace warren::runtime {

class StallReporter final : public storage::JournalObserver {
 public:
  void Attach(Loop& loop);
  // Before the loop goes.
  void Detach();

  void OnStalled(std::string_view reason) override;
  void OnResumed() override;
  void OnHindered(std::string_view reason) override;
  void OnLost(const absl::Status& why) override;

 private:
  void Post(Mail mail);

  std::mutex mutex_;
  // Guarded by mutex_:
  Loop* loop_ = nullptr;
  std::optional<absl::Status> lost_;
};

}  // namespace warren::runtime
