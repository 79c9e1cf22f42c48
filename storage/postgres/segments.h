// Which segment of the store a message lies in, and what is to be tidied: pure bookkeeping.
//
// Place in the life of a message: it is written to the current segment, and notes about it (that
// an entry was removed or changed) go to that segment, too. A segment is full after some
// megabytes, and is dropped whole when none of its messages is live: nothing is ever deleted row by
// row. What is left of a segment that is nearly dead is moved to a segment of kept messages, so
// that a message that stays for ever, or one that is requeued for ever, holds no more than its own
// space. Kept ones lie apart since what lived long will live longer, and isn't moved each time; and
// nothing is moved before another segment's worth has been written, since what is left of a queue
// that is served in order is gone by then.
//
// Thread safety: thread-compatible.
//
// Invariants:
// 1. A live message is in exactly one segment.
// 2. Drop is proposed only for a segment without live messages that nothing is written to.
// 3. All changes are told after they became durable, never before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <variant>

#include "absl/container/flat_hash_map.h"
#include "storage/ids.h"

namespace warren::storage {

using SegmentNumber = int32_t;

enum class SegmentKind : uint8_t { kPublished = 1, kKept = 2 };

struct SegmentLimits {
  // When a segment is full.
  uint64_t bytes = uint64_t{64} << 20;
  // How much is moved in one go; a single message may be more.
  uint64_t move_bytes = uint64_t{1} << 20;
};

struct MakeSegment {
  SegmentNumber segment = 0;
  SegmentKind kind = SegmentKind::kPublished;
};

struct DropSegment {
  SegmentNumber segment = 0;
};

// Moves live messages of `from`, no more than `messages`, to `to`.
struct MoveMessages {
  SegmentNumber from = 0;
  SegmentNumber to = 0;
  uint64_t messages = 0;
};

using TidyTask = std::variant<MakeSegment, DropSegment, MoveMessages>;

class Segments {
 public:
  explicit Segments(const SegmentLimits& limits) : limits_(limits) {}

  // As the store has it at the start: `bytes` is what it takes, 0 if nothing was written to it.
  void Restore(SegmentNumber segment, SegmentKind kind, uint64_t bytes);
  void RestoreMessage(MessageId id, SegmentNumber segment, uint64_t bytes);
  // Decides where to go on writing. REQUIRES: all is restored.
  void Start();

  // Where messages are written to; 0 if a segment has to be made first.
  SegmentNumber current() const { return current_; }
  // Where a live message lies; 0 if there is none with that id.
  SegmentNumber Find(MessageId id) const;

  // A message was written to the current segment.
  void Published(MessageId id, uint64_t bytes);
  // Notes of that size were written about messages of that segment.
  void Noted(SegmentNumber segment, uint64_t bytes);
  // No queue has the message any more.
  void Removed(MessageId id);
  // Goes on in the next segment if the current one is full. To be called between batches.
  void Rotate();

  // What to do next, if anything.
  std::optional<TidyTask> NextTask() const;
  void Made(const MakeSegment& made);
  void Dropped(SegmentNumber segment);
  void Moved(MessageId id, SegmentNumber to, uint64_t bytes);
  // The store has no live message in it, whatever was thought.
  void Emptied(SegmentNumber segment);

  size_t live_messages() const { return places_.size(); }
  size_t size() const { return segments_.size(); }

 private:
  struct Segment {
    SegmentKind kind = SegmentKind::kPublished;
    uint64_t bytes = 0;
    uint64_t live = 0;
    uint64_t live_bytes = 0;
    uint64_t ripe_from = 0;  // written_, when it was closed or became nearly dead
  };
  struct Place {
    SegmentNumber segment = 0;
    uint32_t bytes = 0;
  };

  bool IsFull(const Segment& segment) const { return segment.bytes >= limits_.bytes; }
  // Whether it is still written to.
  bool IsOpen(SegmentNumber segment) const {
    return segment == current_ || segment == next_ || segment == kept_;
  }
  bool IsNearlyDead(const Segment& segment) const;
  bool IsWorthMoving(const Segment& segment) const;
  void SetPlace(MessageId id, SegmentNumber segment, uint64_t bytes);
  void Leave(const Place& place);
  void Close(SegmentNumber segment) { segments_[segment].ripe_from = written_; }
  SegmentNumber NewNumber() const;

  const SegmentLimits limits_;
  std::map<SegmentNumber, Segment> segments_;
  absl::flat_hash_map<uint64_t, Place> places_;  // of live messages
  // 0 is none.
  SegmentNumber current_ = 0;
  SegmentNumber next_ = 0;  // made ahead, so that no batch has to wait for it
  SegmentNumber kept_ = 0;  // where messages are moved to
  uint64_t written_ = 0;    // bytes, to all segments since the start
};

}  // namespace warren::storage
