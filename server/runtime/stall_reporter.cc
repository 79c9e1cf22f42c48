#include "server/runtime/stall_reporter.h"

#include <string>
#include <utility>

#include "server/runtime/log.h"

namespace warren::runtime {

void StallReporter::Attach(Loop& loop) {
  const std::lock_guard lock(mutex_);
  loop_ = &loop;
  if (lost_) loop_->Post(JournalLost{*lost_});
}

void StallReporter::Detach() {
  const std::lock_guard lock(mutex_);
  loop_ = nullptr;
}

void StallReporter::OnStalled(std::string_view reason) {
  Log(LogLevel::kWarning, "the store can't go on for now", {{"reason", std::string(reason)}});
  Post(JournalStalled{std::string(reason)});
}

void StallReporter::OnResumed() {
  Log(LogLevel::kInfo, "the store goes on");
  Post(JournalResumed{});
}

void StallReporter::OnHindered(std::string_view reason) {
  Log(LogLevel::kWarning, "the store can't be tidied for now",
      {{"reason", std::string(reason)}});
}

void StallReporter::OnLost(const absl::Status& why) {
  const std::lock_guard lock(mutex_);
  lost_ = why;
  if (loop_ != nullptr) loop_->Post(JournalLost{why});
}

void StallReporter::Post(Mail mail) {
  const std::lock_guard lock(mutex_);
  if (loop_ != nullptr) loop_->Post(std::move(mail));
}

}  // namespace warren::runtime
