// Shelves: which stored messages are live, and which of the others still take space.
//
// A shelf is kShelfIds ids in a row. What the store keeps of it is a bit for each id, set while the
// message is live, under one key; a shelf without a live message has no key. So a queue that is
// emptied in order costs a commit a key for every thousand messages, where deleting them one by one
// would make the commit, and whoever waits for it, pay for each; and messages whose shelf is empty
// are dropped with the tables they lie in, mostly without being read again.
//
// What is over takes space until it is dropped. A message that stays would keep that of its whole
// shelf, so shelves that are mostly over are swept: the messages are deleted by their keys, which
// makes RocksDB compact them away. Not before a good deal else has passed, since what is left of a
// queue that is served in order is over by then, and its shelf empty.
//
// Pure bookkeeping. Thread safety: thread-compatible.
//
// Invariants:
// 1. A message is live from Published until Removed, and has waste from then until it is swept.
// 2. A shelf is called empty only if it is below the newest and has no live message.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "storage/ids.h"

namespace warren::storage {

// Ids n · kShelfIds up to the one before (n + 1) · kShelfIds lie on shelf n.
using ShelfNumber = uint64_t;
inline constexpr size_t kShelfIds = 1024;

constexpr ShelfNumber ShelfOf(MessageId id) { return id.value / kShelfIds; }
constexpr size_t PlaceOf(MessageId id) { return id.value % kShelfIds; }
constexpr MessageId FirstOn(ShelfNumber shelf) { return {shelf * kShelfIds}; }

// A set of places on a shelf. A value.
class ShelfBits {
 public:
  static constexpr size_t kWords = kShelfIds / 64;

  bool Has(size_t place) const { return (words_[place / 64] >> (place % 64) & 1) != 0; }
  void Add(size_t place) { words_[place / 64] |= uint64_t{1} << (place % 64); }
  void Remove(size_t place) { words_[place / 64] &= ~(uint64_t{1} << (place % 64)); }
  void Add(const ShelfBits& other) {
    for (size_t i = 0; i < kWords; ++i) words_[i] |= other.words_[i];
  }

  size_t Count() const {
    size_t count = 0;
    for (const uint64_t word : words_) count += static_cast<size_t>(std::popcount(word));
    return count;
  }
  // The first at `place` or behind; kShelfIds if there is none.
  size_t NextFrom(size_t place) const {
    for (size_t i = place / 64; i < kWords; ++i) {
      const uint64_t word = i == place / 64 ? words_[i] >> (place % 64) << (place % 64) : words_[i];
      if (word != 0) return i * 64 + static_cast<size_t>(std::countr_zero(word));
    }
    return kShelfIds;
  }

  const std::array<uint64_t, kWords>& words() const { return words_; }
  std::array<uint64_t, kWords>& words() { return words_; }
  bool operator==(const ShelfBits&) const = default;

 private:
  std::array<uint64_t, kWords> words_{};
};

// Shelves from `first` up to the one before `end`.
struct ShelfRange {
  ShelfNumber first = 0;
  ShelfNumber end = 0;

  bool operator==(const ShelfRange&) const = default;
};

class Shelves {
 public:
  // A shelf that is mostly over is swept after that many more bytes have been written; a removal
  // counts as a KiB.
  explicit Shelves(uint64_t sweep_after_bytes) : sweep_after_bytes_(sweep_after_bytes) {}

  // As the store has it at the start.
  void Restore(ShelfNumber shelf, const ShelfBits& live);
  // A message that isn't live lies in the store still.
  void RestoreWaste(MessageId id);

  bool IsLive(MessageId id) const;
  size_t live_messages() const { return live_messages_; }

  void Published(MessageId id, size_t bytes);
  // The message is over. Nothing if it isn't live.
  void Removed(MessageId id);

  // What has changed since the last Committed; no shelf twice.
  const std::vector<ShelfNumber>& changed() const { return changed_; }
  // Nothing set if the shelf isn't there.
  ShelfBits LiveOn(ShelfNumber shelf) const;
  // What has changed is durable.
  void Committed();

  // Of shelf `shelf` these messages are over and take space.
  struct Sweep {
    ShelfNumber shelf = 0;
    ShelfBits waste;
  };
  // Those that are worth it now: some of many, so that sweeping keeps pace and holds nobody up.
  std::vector<Sweep> TakeSweeps();
  // Ranges, as large as can be, of shelves that are all empty, if one of them has become so since
  // the last call.
  std::vector<ShelfRange> TakeEmpty();

 private:
  struct Shelf {
    ShelfBits live;
    ShelfBits waste;
    uint32_t live_count = 0;
    uint32_t waste_count = 0;
    bool changed = false;
    bool queued = false;  // in to_sweep_
  };
  struct Ripening {
    ShelfNumber shelf = 0;
    uint64_t ripe_at = 0;  // passed_
  };

  Shelf& At(ShelfNumber number);
  void Touch(ShelfNumber number, Shelf& shelf);
  void QueueIfMostlyOver(ShelfNumber number, Shelf& shelf);

  const uint64_t sweep_after_bytes_;
  std::map<ShelfNumber, Shelf> shelves_;  // those with a live message, and the newest
  std::map<ShelfNumber, Shelf>::iterator last_ = shelves_.end();  // that At found
  ShelfNumber newest_ = 0;
  size_t live_messages_ = 0;
  uint64_t passed_ = 0;  // bytes, since the start
  std::vector<ShelfNumber> changed_;
  std::vector<ShelfNumber> emptied_;
  std::deque<Ripening> to_sweep_;  // in the order of ripe_at
};

}  // namespace warren::storage
