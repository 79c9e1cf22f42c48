#include "storage/rocksdb/shelves.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace warren::storage {
namespace {

constexpr uint64_t kRemovalBytes = 1024;

// A shelf is mostly over if at most one in so many of its messages that take space is live.
constexpr uint32_t kMostlyOver = 4;

// Of the shelves that are ripe one in so many is swept at a time, so that their number settles
// where it is swept as fast as they come.
constexpr size_t kSweepOneIn = 4;

}  // namespace

Shelves::Shelf& Shelves::At(ShelfNumber number) {
  if (last_ == shelves_.end() || last_->first != number) {
    last_ = shelves_.try_emplace(number).first;
  }
  return last_->second;
}

void Shelves::Touch(ShelfNumber number, Shelf& shelf) {
  if (shelf.changed) return;
  shelf.changed = true;
  changed_.push_back(number);
}

void Shelves::Restore(ShelfNumber shelf, const ShelfBits& live) {
  Shelf& restored = At(shelf);
  restored.live = live;
  restored.live_count = static_cast<uint32_t>(live.Count());
  live_messages_ += restored.live_count;
  newest_ = std::max(newest_, shelf);
}

void Shelves::RestoreWaste(MessageId id) {
  const auto found = shelves_.find(ShelfOf(id));
  if (found == shelves_.end()) {
    if (emptied_.empty() || emptied_.back() != ShelfOf(id)) emptied_.push_back(ShelfOf(id));
    return;
  }
  auto& [number, shelf] = *found;
  if (shelf.waste.Has(PlaceOf(id))) return;
  shelf.waste.Add(PlaceOf(id));
  ++shelf.waste_count;
  QueueIfMostlyOver(number, shelf);
}

bool Shelves::IsLive(MessageId id) const {
  if (last_ != shelves_.end() && last_->first == ShelfOf(id)) {
    return last_->second.live.Has(PlaceOf(id));
  }
  const auto found = shelves_.find(ShelfOf(id));
  return found != shelves_.end() && found->second.live.Has(PlaceOf(id));
}

void Shelves::Published(MessageId id, size_t bytes) {
  const ShelfNumber number = ShelfOf(id);
  if (number > newest_) {
    // The one that was the newest may be empty, and is told so from now on.
    const auto before = shelves_.find(newest_);
    if (before != shelves_.end()) Touch(before->first, before->second);
    newest_ = number;
  }
  passed_ += bytes;
  Shelf& shelf = At(number);
  if (shelf.live.Has(PlaceOf(id))) return;
  shelf.live.Add(PlaceOf(id));
  ++shelf.live_count;
  ++live_messages_;
  Touch(number, shelf);
}

void Shelves::Removed(MessageId id) {
  if (!IsLive(id)) return;
  passed_ += kRemovalBytes;
  Shelf& shelf = At(ShelfOf(id));
  shelf.live.Remove(PlaceOf(id));
  --shelf.live_count;
  --live_messages_;
  shelf.waste.Add(PlaceOf(id));
  ++shelf.waste_count;
  Touch(ShelfOf(id), shelf);
}

ShelfBits Shelves::LiveOn(ShelfNumber shelf) const {
  const auto found = shelves_.find(shelf);
  return found == shelves_.end() ? ShelfBits() : found->second.live;
}

void Shelves::Committed() {
  for (const ShelfNumber number : changed_) {
    const auto at = shelves_.find(number);
    at->second.changed = false;
    if (number == newest_) continue;
    if (at->second.live_count > 0) {
      QueueIfMostlyOver(number, at->second);
      continue;
    }
    if (last_ == at) last_ = shelves_.end();
    shelves_.erase(at);
    emptied_.push_back(number);
  }
  changed_.clear();
}

void Shelves::QueueIfMostlyOver(ShelfNumber number, Shelf& shelf) {
  const uint32_t all = shelf.live_count + shelf.waste_count;
  if (shelf.queued || shelf.waste_count == 0 || shelf.live_count * kMostlyOver > all) return;
  shelf.queued = true;
  to_sweep_.push_back({number, passed_ + sweep_after_bytes_});
}

std::vector<Shelves::Sweep> Shelves::TakeSweeps() {
  const auto ripe_end =
      std::find_if(to_sweep_.begin(), to_sweep_.end(),
                   [this](const Ripening& ripening) { return ripening.ripe_at > passed_; });
  const auto ripe = static_cast<size_t>(std::distance(to_sweep_.begin(), ripe_end));
  std::vector<Sweep> sweeps;
  for (size_t left = (ripe + kSweepOneIn - 1) / kSweepOneIn; left > 0; --left) {
    const auto found = shelves_.find(to_sweep_.front().shelf);
    to_sweep_.pop_front();
    if (found == shelves_.end()) continue;  // it is empty by now
    auto& [number, shelf] = *found;
    sweeps.push_back({number, shelf.waste});
    shelf.waste = {};
    shelf.waste_count = 0;
    shelf.queued = false;
  }
  return sweeps;
}

std::vector<ShelfRange> Shelves::TakeEmpty() {
  std::vector<ShelfRange> ranges;
  std::vector<ShelfNumber> later;
  std::sort(emptied_.begin(), emptied_.end());
  for (const ShelfNumber shelf : emptied_) {
    if (!ranges.empty() && shelf < ranges.back().end) continue;
    if (shelf >= newest_) {
      later.push_back(shelf);  // something may be published there
      continue;
    }
    const auto above = shelves_.lower_bound(shelf);
    if (above != shelves_.end() && above->first == shelf) continue;  // something was
    ranges.push_back({above == shelves_.begin() ? 0 : std::prev(above)->first + 1,
                      above == shelves_.end() ? newest_ : above->first});
  }
  emptied_ = std::move(later);
  return ranges;
}

}  // namespace warren::storage
