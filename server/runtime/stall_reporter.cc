#include "server/runtime/stall_reporter.h"

#include <string>
#include <utility>

#include "server/runtime/log.h"

namespace warren::runtime {

void StallReporter::Attach(std::function<void(Mail)> post) {
  const MutexLock lock(mutex_);
  post_ = std::move(post);
  if (lost_) post_(JournalLost{*lost_});
}

void StallReporter::Detach() {
  const MutexLock lock(mutex_);
  post_ = nullptr;
}

std::string StallReporter::trouble() const {
  const MutexLock lock(mutex_);
  return trouble_;
}

uint64_t StallReporter::troubles() const {
  const MutexLock lock(mutex_);
  return troubles_;
}

std::optional<Standby> StallReporter::standby() const {
  const MutexLock lock(mutex_);
  return standby_;
}

void StallReporter::OnStalled(std::string_view reason) {
  {
    const MutexLock lock(mutex_);
    if (trouble_ == reason) return;
    ++troubles_;
    trouble_ = std::string(reason);
  }
  Log(LogCategory::kStorage, LogLevel::kWarning, "the store can't go on for now",
      {{"reason", std::string(reason)}});
  Post(JournalStalled{std::string(reason)});
}

void StallReporter::OnWaiting(const storage::StoreOwner& owner) {
  {
    const MutexLock lock(mutex_);
    trouble_.clear();
    if (!standby_) standby_.emplace(owner, std::chrono::system_clock::now());
    standby_->owner = owner;
  }
  Log(LogCategory::kStorage, LogLevel::kInfo, "standing by: waiting for the lease",
      {{"owner", owner.name},
       {"address", owner.address.empty() ? "unknown" : owner.address}});
  if (tell_) tell_(owner);
}

void StallReporter::OnResumed() {
  {
    const MutexLock lock(mutex_);
    trouble_.clear();
    standby_.reset();
  }
  Log(LogCategory::kStorage, LogLevel::kInfo, "the store goes on");
  Post(JournalResumed{});
}

void StallReporter::OnHindered(std::string_view reason) {
  Log(LogCategory::kStorage, LogLevel::kWarning, "the store can't be tidied for now",
      {{"reason", std::string(reason)}});
  const MutexLock lock(mutex_);
  ++troubles_;
}

void StallReporter::OnLost(const absl::Status& why) {
  const MutexLock lock(mutex_);
  lost_ = why;
  if (post_) post_(JournalLost{why});
}

void StallReporter::Post(Mail mail) {
  const MutexLock lock(mutex_);
  if (post_) post_(std::move(mail));
}

}  // namespace warren::runtime
