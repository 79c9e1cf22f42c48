#include "storage/postgres/segments.h"

#include <algorithm>
#include <limits>

namespace warren::storage {
namespace {

// A segment is moved when no more than one part in so many of it is live: moving costs a third of
// what it gives back.
constexpr uint64_t kNearlyDead = 4;

}  // namespace

void Segments::Restore(SegmentNumber segment, SegmentKind kind, uint64_t bytes) {
  segments_[segment] = {.kind = kind, .bytes = bytes};
}

void Segments::RestoreMessage(MessageId id, SegmentNumber segment, uint64_t bytes) {
  SetPlace(id, segment, bytes);
}

void Segments::Start() {
  current_ = next_ = kept_ = 0;
  // Published ones are used in the order of their numbers: the empty ones are the last.
  bool seen_used = false;
  for (auto s = segments_.rbegin(); s != segments_.rend(); ++s) {
    const auto& [number, segment] = *s;
    if (segment.kind == SegmentKind::kKept) {
      if (kept_ == 0 && !IsFull(segment)) kept_ = number;
      continue;
    }
    if (!seen_used && !IsFull(segment)) {
      next_ = current_;
      current_ = number;
    }
    seen_used = seen_used || segment.bytes > 0;
  }
}

SegmentNumber Segments::Find(MessageId id) const {
  const auto place = places_.find(id.value);
  return place == places_.end() ? 0 : place->second.segment;
}

void Segments::SetPlace(MessageId id, SegmentNumber segment, uint64_t bytes) {
  const auto kept_bytes = static_cast<uint32_t>(
      std::min<uint64_t>(bytes, std::numeric_limits<uint32_t>::max()));
  auto [place, is_new] = places_.try_emplace(id.value);
  if (!is_new) Leave(place->second);
  place->second = {.segment = segment, .bytes = kept_bytes};
  Segment& in = segments_[segment];
  ++in.live;
  in.live_bytes += kept_bytes;
}

void Segments::Leave(const Place& place) {
  Segment& from = segments_[place.segment];
  const bool was_nearly_dead = IsNearlyDead(from);
  --from.live;
  from.live_bytes -= place.bytes;
  if (!was_nearly_dead && IsNearlyDead(from)) from.ripe_from = written_;
}

void Segments::Published(MessageId id, uint64_t bytes) {
  written_ += bytes;
  segments_[current_].bytes += bytes;
  SetPlace(id, current_, bytes);
}

void Segments::Noted(SegmentNumber segment, uint64_t bytes) {
  written_ += bytes;
  const auto noted = segments_.find(segment);
  if (noted != segments_.end()) noted->second.bytes += bytes;
}

void Segments::Removed(MessageId id) {
  const auto place = places_.find(id.value);
  if (place == places_.end()) return;
  Leave(place->second);
  places_.erase(place);
}

void Segments::Rotate() {
  if (kept_ != 0 && IsFull(segments_[kept_])) {
    Close(kept_);
    kept_ = 0;
  }
  if (next_ == 0 || !IsFull(segments_[current_])) return;
  Close(current_);
  current_ = next_;
  next_ = 0;
}

bool Segments::IsNearlyDead(const Segment& segment) const {
  // One that was left half empty isn't worth a segment of its own either.
  return segment.live_bytes * kNearlyDead <= std::max(segment.bytes, limits_.bytes);
}

bool Segments::IsWorthMoving(const Segment& segment) const {
  return IsNearlyDead(segment) && written_ >= segment.ripe_from + limits_.bytes;
}

SegmentNumber Segments::NewNumber() const {
  return segments_.empty() ? 1 : segments_.rbegin()->first + 1;
}

std::optional<TidyTask> Segments::NextTask() const {
  if (current_ == 0) return MakeSegment{NewNumber(), SegmentKind::kPublished};
  if (next_ == 0 && segments_.at(current_).bytes * 2 >= limits_.bytes) {
    return MakeSegment{NewNumber(), SegmentKind::kPublished};
  }
  std::optional<TidyTask> move;
  for (const auto& [number, segment] : segments_) {
    if (IsOpen(number)) continue;
    if (segment.live == 0) return DropSegment{number};
    if (move || !IsWorthMoving(segment)) continue;
    if (kept_ == 0) {
      move = MakeSegment{NewNumber(), SegmentKind::kKept};
      continue;
    }
    const uint64_t average = std::max<uint64_t>(segment.live_bytes / segment.live, 1);
    move = MoveMessages{number, kept_, std::max<uint64_t>(limits_.move_bytes / average, 1)};
  }
  return move;
}

void Segments::Made(const MakeSegment& made) {
  Restore(made.segment, made.kind, 0);
  if (made.kind == SegmentKind::kKept) {
    kept_ = made.segment;
  } else if (current_ == 0) {
    current_ = made.segment;
  } else {
    next_ = made.segment;
  }
}

void Segments::Dropped(SegmentNumber segment) { segments_.erase(segment); }

void Segments::Moved(MessageId id, SegmentNumber to, uint64_t bytes) {
  segments_[to].bytes += bytes;
  written_ += bytes;
  SetPlace(id, to, bytes);
}

void Segments::Emptied(SegmentNumber segment) {
  absl::erase_if(places_, [segment](const auto& p) { return p.second.segment == segment; });
  const auto emptied = segments_.find(segment);
  if (emptied != segments_.end()) emptied->second.live = emptied->second.live_bytes = 0;
}

}  // namespace warren::storage
