// RocksDB merge operator of the messages: lets an entry be removed or updated by a few bytes that
// are written beside the message, so that a body is written once.
//
// Notes are the EntryRemoved and EntryUpdated that came after a message was stored. What settles a
// queue's entry replaces what was noted for that queue before, so that a message that is requeued
// for ever doesn't grow for ever. They lie apart from the messages, whose keys only grow then, so
// that tables of messages are moved down the levels as they are and not merged; in stores that were
// made in format 1 some stand behind the message itself.
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

// Reads a stored message, and applies the notes about it, "" if there are none. `entries` is empty
// if no queue has it any more, and `message` null if there are notes about a message that isn't
// there; the message is over in both cases. DATA_LOSS if they are damaged.
absl::StatusOr<MessagePublished> DecodeMessage(std::string_view value, std::string_view notes,
                                               NameCache& names);

}  // namespace warren::storage
