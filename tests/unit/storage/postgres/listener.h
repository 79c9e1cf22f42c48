// A journal's observer that others can wait for.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "storage/journal.h"

namespace warren::storage {

// Thread-safe.
class Listener final : public JournalObserver {
 public:
  void OnStalled(std::string_view reason) override { Note(stalled_, std::string(reason)); }
  void OnWaiting(const StoreOwner& owner) override {
    Note(waiting_, owner.name + " at " + owner.address);
  }
  void OnResumed() override { Note(resumed_, "resumed"); }
  void OnLost(const absl::Status& why) override { Note(lost_, why.ToString()); }

  // "" if it doesn't come.
  std::string AwaitStalled() { return Await(stalled_); }
  std::string AwaitWaiting() { return Await(waiting_); }
  std::string AwaitResumed() { return Await(resumed_); }
  std::string AwaitLost() { return Await(lost_); }
  bool stalled() {
    const std::lock_guard lock(mutex_);
    return !stalled_.empty();
  }
  bool waiting() {
    const std::lock_guard lock(mutex_);
    return !waiting_.empty();
  }

 private:
  void Note(std::string& what, std::string text) {
    const std::lock_guard lock(mutex_);
    what = std::move(text);
    changed_.notify_all();
  }
  std::string Await(const std::string& what) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(20), [&] { return !what.empty(); });
    return what;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::string stalled_, waiting_, resumed_, lost_;
};

}  // namespace warren::storage
