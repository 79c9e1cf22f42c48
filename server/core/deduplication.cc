#include "server/core/deduplication.h"

#include <algorithm>
#include <utility>

#include "server/base/check.h"

namespace warren::core {

Producer& Producers::Get(const std::string& virtual_host, const std::string& id, int64_t now_ms) {
  std::unique_ptr<Producer>& slot = producers_[{virtual_host, id}];
  if (slot == nullptr) {
    slot = std::make_unique<Producer>(Producer{.virtual_host = virtual_host, .id = id});
    slot->last_used_ms = now_ms;
    slot->by_use = by_use_.insert(by_use_.end(), slot.get());
  }
  return *slot;
}

Producer* Producers::FirstIn(const std::string& virtual_host) const {
  const auto it = producers_.lower_bound({virtual_host, ""});
  if (it == producers_.end() || it->first.first != virtual_host) return nullptr;
  return it->second.get();
}

void Producers::Touch(Producer& producer, int64_t now_ms) {
  producer.last_used_ms = now_ms;
  by_use_.splice(by_use_.end(), by_use_, producer.by_use);
}

void Producers::Erase(Producer& producer) {
  WARREN_CHECK(producer.publishers == 0);
  by_use_.erase(producer.by_use);
  producers_.erase({producer.virtual_host, producer.id});
}

bool MessageIdWindow::Contains(std::string_view message_id, int64_t now_ms) const {
  const auto it = ids_.find(message_id);
  if (it == ids_.end()) return false;
  // What has left the window may still wait to be forgotten; those are at the front. An older
  // sighting of the same id says nothing, so it is this very one that is looked for.
  for (const Seen& seen : seen_) {
    if (seen.until_ms > now_ms) return true;
    if (seen.message_id.data() == it->data()) return false;
  }
  return false;
}

bool MessageIdWindow::Add(std::string_view message_id, int64_t now_ms, int64_t* until_ms) {
  if (Contains(message_id, now_ms)) return false;
  // An old sighting that waits to be forgotten hands its place in the set to the new one.
  ids_.erase(message_id);
  *until_ms = now_ms + window_ms_;
  seen_.push_back({std::string(message_id), *until_ms});
  ids_.insert(seen_.back().message_id);
  return true;
}

void MessageIdWindow::Restore(std::string message_id, int64_t until_ms) {
  seen_.push_back({std::move(message_id), until_ms});
}

void MessageIdWindow::FinishRestore() {
  std::stable_sort(seen_.begin(), seen_.end(),
                   [](const Seen& a, const Seen& b) { return a.until_ms < b.until_ms; });
  for (const Seen& seen : seen_) ids_.insert(seen.message_id);  // they don't move any more
}

bool MessageIdWindow::ForgetOldest() {
  WARREN_CHECK(!seen_.empty());
  const auto it = ids_.find(seen_.front().message_id);
  // A newer sighting of the same id may have taken the place over.
  const bool is_last = it != ids_.end() && it->data() == seen_.front().message_id.data();
  if (is_last) ids_.erase(it);
  seen_.pop_front();
  return is_last;
}

}  // namespace warren::core
