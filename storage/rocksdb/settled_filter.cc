#include "storage/rocksdb/settled_filter.h"

#include <optional>
#include <string>
#include <utility>

#include "storage/rocksdb/keys.h"

namespace warren::storage {
namespace {

// Skipping makes RocksDB seek, which pays for no fewer.
constexpr uint64_t kLeastToSkip = 128;

class SettledFilter : public rocksdb::CompactionFilter {
 public:
  explicit SettledFilter(std::shared_ptr<const KeptMessages> kept) : kept_(std::move(kept)) {}

  const char* Name() const override { return "warren.SettledFilter"; }

  Decision FilterV2(int /*level*/, const rocksdb::Slice& key, ValueType type,
                    const rocksdb::Slice& /*value*/, std::string* /*new_value*/,
                    std::string* skip_until) const override {
    const std::optional<MessageId> id = MessageIdOf({key.data(), key.size()});
    if (!id) return Decision::kKeep;  // recovery will say what is wrong with it
    // Keys ascend, so one look is good for a shelf. What became over since then goes next time.
    if (!looked_ || shelf_ != ShelfOf(*id)) {
      looked_ = true;
      shelf_ = ShelfOf(*id);
      around_ = kept_->Look(shelf_);
    }
    const size_t next = around_.kept.NextFrom(PlaceOf(*id));
    if (next == PlaceOf(*id)) return Decision::kKeep;
    const MessageId next_kept =
        next == kShelfIds ? FirstOn(around_.next) : MessageId{FirstOn(shelf_).value + next};
    if (type != ValueType::kValue || next_kept.value - id->value < kLeastToSkip) {
      return Decision::kRemove;
    }
    // An older value that comes to light by this is of no more effect than this one.
    *skip_until = MessageKey(next_kept);
    return Decision::kRemoveAndSkipUntil;
  }

 private:
  const std::shared_ptr<const KeptMessages> kept_;
  // The interface takes a filter for one that doesn't change.
  mutable bool looked_ = false;
  mutable ShelfNumber shelf_ = 0;
  mutable KeptMessages::Around around_;
};

}  // namespace

void KeptMessages::Add(ShelfNumber shelf, const ShelfBits& messages) {
  const MutexLock lock(mutex_);
  kept_[shelf].Add(messages);
}

void KeptMessages::Set(ShelfNumber shelf, const ShelfBits& messages) {
  const MutexLock lock(mutex_);
  if (messages == ShelfBits()) {
    kept_.erase(shelf);
  } else {
    kept_[shelf] = messages;
  }
}

KeptMessages::Around KeptMessages::Look(ShelfNumber shelf) const {
  const MutexLock lock(mutex_);
  Around around{.kept = {}, .next = shelf + 1};
  auto at = kept_.lower_bound(shelf);
  if (at != kept_.end() && at->first == shelf) around.kept = (at++)->second;
  if (at != kept_.end()) around.next = at->first;
  return around;
}

bool SettledFilterFactory::ShouldFilterTableFileCreation(
    rocksdb::TableFileCreationReason reason) const {
  return reason == rocksdb::TableFileCreationReason::kFlush ||
         reason == rocksdb::TableFileCreationReason::kCompaction;
}

std::unique_ptr<rocksdb::CompactionFilter> SettledFilterFactory::CreateCompactionFilter(
    const rocksdb::CompactionFilter::Context& /*context*/) {
  if (!kept_->complete()) return nullptr;
  return std::make_unique<SettledFilter>(kept_);
}

}  // namespace warren::storage
