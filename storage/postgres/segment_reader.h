// Reads what is live in a segment, with its latest facts: for recovery, and to move what is left of
// a segment that is nearly dead.
//
// Thread safety: thread-compatible.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "storage/postgres/link.h"
#include "storage/postgres/message_row.h"
#include "storage/postgres/segments.h"
#include "storage/record.h"

namespace warren::storage {

struct LiveMessage {
  MessagePublished record;  // no entries: no queue has it any more, though no removal was the last
  uint64_t bytes = 0;       // that its row takes, about
};

class SegmentReader {
 public:
  // Appends the live messages of the segment, in no particular order; no more than `most`, if that
  // isn't 0. DATA_LOSS that names table and message if a row is damaged; else as in trouble.h.
  absl::Status Read(Link& link, SegmentNumber segment, uint64_t most,
                    std::vector<LiveMessage>& to);

 private:
  struct Note {
    EntryFacts facts;
    bool removed = false;
    int64_t sequence = 0;
  };

  absl::Status ReadNotes(Link& link, SegmentNumber segment);

  MessageRowReader rows_;
  // Of one segment, by message and queue.
  absl::flat_hash_map<uint64_t, std::vector<Note>> notes_;
};

// What a row of a message takes, of which the columns' values are `encoded` bytes.
uint64_t RowBytes(size_t encoded);

// DATA_LOSS, or the error itself if it is none, that names the table and what to do.
absl::Status DamagedTable(const std::string& where, const std::string& table,
                          const absl::Status& status);

}  // namespace warren::storage
