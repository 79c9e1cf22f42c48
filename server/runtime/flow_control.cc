#include "server/runtime/flow_control.h"

#include "absl/strings/str_cat.h"

namespace warren::runtime {
namespace {

// Nobody tells when the store is ours again; so it is looked at that often.
constexpr int64_t kLookForOwnershipMs = 100;

// `full` after looking at `value`: set above `high`, cleared below `low`.
bool Mark(bool full, uint64_t value, uint64_t high, uint64_t low) {
  return full ? value > low : value > high;
}

}  // namespace

std::string_view HoldReasonName(HoldReason reason) {
  switch (reason) {
    case HoldReason::kNone: return "NONE";
    case HoldReason::kJournalBusy: return "JOURNAL_BUSY";
    case HoldReason::kMemory: return "MEMORY";
    case HoldReason::kDisk: return "DISK";
    case HoldReason::kStorage: return "STORAGE";
    case HoldReason::kShuttingDown: return "SHUTTING_DOWN";
  }
  return "NONE";
}

bool FlowControl::Update(int64_t now_ms, const core::Usage& usage) {
  updated_ms_ = now_ms;
  const HoldReason reason = Reason(usage);
  bool changed = false;
  if (reason != hold_) {
    if (hold_ == HoldReason::kNone) held_since_ms_ = now_ms;
    if (reason == HoldReason::kNone) held_ms_ = held_ms(now_ms);
    hold_ = reason;
    changed = true;
  }
  const bool wait = hold_ == HoldReason::kJournalBusy &&
                    announced_.reason == HoldReason::kNone &&
                    now_ms - held_since_ms_ < limits_.announce_after_ms;
  const HoldReason announce = wait ? HoldReason::kNone : hold_;
  if (announce != announced_.reason) {
    announced_ = Hold{.reason = announce, .message = Describe(announce)};
    changed = true;
  }
  return changed;
}

std::optional<int64_t> FlowControl::NextDeadline() const {
  if (!owned_) return updated_ms_ + kLookForOwnershipMs;
  if (hold_ != HoldReason::kJournalBusy || announced_.reason != HoldReason::kNone) {
    return std::nullopt;
  }
  return held_since_ms_ + limits_.announce_after_ms;
}

HoldReason FlowControl::Reason(const core::Usage& usage) {
  const bool records_wait = Mark(journal_busy_, usage.pending_records, limits_.pending_records,
                                 limits_.pending_records / 2);
  const bool bytes_wait = Mark(journal_busy_, usage.pending_body_bytes, limits_.pending_body_bytes,
                               limits_.pending_body_bytes / 2);
  journal_busy_ = records_wait || bytes_wait;
  // Entries stay in memory when their contents are paged out. With a wide gap a burst could hold
  // publishers until consumers come, although all that can leave has left.
  memory_full_ = Mark(memory_full_, usage.memory_bytes, limits_.memory_bytes,
                      limits_.memory_bytes - limits_.memory_bytes / 16);
  if (shutting_down_) return HoldReason::kShuttingDown;
  if (stalled_ || !owned_) return HoldReason::kStorage;
  if (disk_low_) return HoldReason::kDisk;
  if (memory_full_) return HoldReason::kMemory;
  if (journal_busy_) return HoldReason::kJournalBusy;
  return HoldReason::kNone;
}

std::string FlowControl::StorageTrouble() const {
  if (stalled_) return *stalled_;
  return owned_ ? ""
                : "the broker's lease of it ran out before it could be renewed, and is tried again";
}

std::string FlowControl::Describe(HoldReason reason) const {
  switch (reason) {
    case HoldReason::kNone:
      return "";
    case HoldReason::kJournalBusy:
      return "the store is slower than the publishers; publishing goes on as it catches up";
    case HoldReason::kMemory:
      return absl::StrCat("messages fill the memory limit of ", limits_.memory_bytes,
                          " bytes; consume, delete or expire messages, or raise --memory-limit");
    case HoldReason::kDisk:
      return disk_low_.value_or("");
    case HoldReason::kStorage:
      return absl::StrCat("the store can't go on for now: ", StorageTrouble());
    case HoldReason::kShuttingDown:
      return "the broker is stopping; connect again later";
  }
  return "";
}

}  // namespace warren::runtime
