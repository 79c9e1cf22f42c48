// RocksDB merge operator of the messages: lets an entry be removed or updated by a few bytes that
// are written beside the message, so that a body is written once.
//
// A stored message is its MessagePublished, followed by the EntryRemoved and EntryUpdated that came
// later: what settles a queue's entry replaces what was noted for that queue before, so that a
// message that is requeued for ever doesn't grow for ever.
//
// Thread safety: thread-safe, without state.
#pragma once

#include <rocksdb/merge_operator.h>

#include "absl/status/statusor.h"
#include "storage/codec/message_codec.h"
#include "storage/record.h"

namespace warren::storage {

class EntryMerge : public rocksdb::MergeOperator {
 public:
  const char* Name() const override { return "warren.EntryMerge"; }
  bool FullMergeV2(const MergeOperationInput& in, MergeOperationOutput* out) const override;
  bool PartialMergeMulti(const rocksdb::Slice& key, const std::deque<rocksdb::Slice>& operands,
                         std::string* merged, rocksdb::Logger* logger) const override;
};

// Reads a stored message. `entries` is empty if no queue has it any more, and `message` null if
// there are notes about a message that isn't there; the message is over in both cases.
// DATA_LOSS if `value` is damaged.
absl::StatusOr<MessagePublished> DecodeMessage(std::string_view value, NameCache& names);

}  // namespace warren::storage
