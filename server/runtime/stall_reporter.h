// Carries what the journal says about transient trouble into the log and to the loop.
//
// The journal is opened and recovered before there is a loop; until Attach it is only logged.
//
// Thread safety: OnStalled and OnResumed on the thread that is inside the journal; Attach and
// Detach on any.
#pragma once

#include <mutex>
#include <string_view>

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

 private:
  void Post(Mail mail);

  std::mutex mutex_;
  Loop* loop_ = nullptr;  // guarded by mutex_
};

}  // namespace warren::runtime
