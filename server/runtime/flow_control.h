// When publishers are held, and what they are told: the broker's promise that nothing in it grows
// without bound. Step 1 of a message's life asks here first.
//
// Publishers are held while more records wait for the journal than it should take at once, while
// the journal can't go on or may be another broker's, while bodies fill the memory that they may
// have or a disk is nearly full, and from the moment the broker is to stop. Consumers and
// settlements always go on: they are the way out. Transactions that settle go on as well, unless it
// is the journal that can take no more.
//
// A mark that was passed holds until a lower one is reached, so that publishers aren't stopped and
// started message by message. A busy journal is normal under load and mostly over in milliseconds;
// publishers hear of it only if it lasts.
//
// Pure: time comes in. Loop thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "server/core/broker.h"

namespace warren::runtime {

// The most urgent one that applies, in rising order.
enum class HoldReason : uint8_t { kNone, kJournalBusy, kMemory, kDisk, kStorage, kShuttingDown };

// JOURNAL_BUSY, …, as in PublishBlocked.reason.
std::string_view HoldReasonName(HoldReason reason);

struct FlowLimits {
  uint64_t pending_records = 200'000;                 // waiting for the journal
  uint64_t pending_body_bytes = uint64_t{64} << 20;   // of these records
  uint64_t memory_bytes = uint64_t{1} << 40;         // of all messages in queues
  int64_t announce_after_ms = 100;                    // for kJournalBusy; others at once
};

struct Hold {
  HoldReason reason = HoldReason::kNone;
  std::string message;  // for people
};

class FlowControl {
 public:
  explicit FlowControl(const FlowLimits& limits) : limits_(limits) {}

  // Looks at the marks. True if held() or announced() may have changed.
  bool Update(int64_t now_ms, const core::Usage& usage);

  // The journal can't go on for now, or goes on. Takes effect at the next Update.
  void SetStalled(std::string reason) { stalled_ = std::move(reason); }
  void ClearStalled() { stalled_.reset(); }
  // A disk is nearly full, or has room again. Takes effect at the next Update.
  void SetDiskLow(std::string reason) { disk_low_ = std::move(reason); }
  void ClearDiskLow() { disk_low_.reset(); }
  bool disk_low() const { return disk_low_.has_value(); }
  // Whether the store is surely ours; see Journal::OwnedUntil. Takes effect at the next Update.
  void SetOwned(bool owned) { owned_ = owned; }
  bool owned() const { return owned_; }
  // There is no way back. Takes effect at the next Update.
  void SetShuttingDown() { shutting_down_ = true; }

  // Whether publishes have to wait.
  bool held() const { return hold_ != HoldReason::kNone; }
  // Whether transactions that settle have to wait: what fills the memory, or keeps the broker from
  // stopping, goes away with them.
  bool holds_settling() const {
    return hold_ == HoldReason::kJournalBusy || hold_ == HoldReason::kStorage;
  }
  HoldReason reason() const { return hold_; }
  // For how long publishers have been held, all times together.
  int64_t held_ms(int64_t now_ms) const {
    return held_ms_ + (held() && now_ms > held_since_ms_ ? now_ms - held_since_ms_ : 0);
  }
  // Why the store can't take anything for now; "" if it can.
  std::string StorageTrouble() const;
  // Whether bodies fill the memory that they may have, whatever else holds publishers.
  bool memory_full() const { return memory_full_; }

  // What publishers are to be told now; kNone: that they may go on.
  const Hold& announced() const { return announced_; }

  // When Update has to be called at the latest, if nothing else happens.
  std::optional<int64_t> NextDeadline() const;

 private:
  HoldReason Reason(const core::Usage& usage);
  std::string Describe(HoldReason reason) const;

  const FlowLimits limits_;

  // From outside:
  std::optional<std::string> stalled_;
  std::optional<std::string> disk_low_;
  bool owned_ = true;
  bool shutting_down_ = false;

  // Marks that were passed, each until its lower mark:
  bool journal_busy_ = false;
  bool memory_full_ = false;

  // By Update:
  HoldReason hold_ = HoldReason::kNone;
  int64_t held_since_ms_ = 0;  // for any reason
  int64_t held_ms_ = 0;        // before that
  int64_t updated_ms_ = 0;
  Hold announced_;
};

}  // namespace warren::runtime
