// Writes one batch as one transaction, with few round trips. A large batch, or one with rare changes,
// is a script of these and of two COPYs, into which the rows are streamed while they are made: the
// least work for each row, but the server has to ask for the rows. A small batch is a pipeline of
// prepared INSERTs, a row each: the same rows, in one round trip.
//
// Place in the life of a message: step 6.
//
// Thread safety: thread-compatible.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "storage/postgres/copy_format.h"
#include "storage/postgres/message_row.h"
#include "storage/postgres/segments.h"
#include "storage/postgres/session.h"
#include "storage/record.h"

namespace warren::storage {

class BatchWriter {
 public:
  BatchWriter(Session& session, Segments& segments);

  // Looks the batch through, and decides where its rows go. INVALID_ARGUMENT if it can't be stored.
  // REQUIRES: the batch outlives Committed, or the next Plan.
  absl::Status Plan(const Batch& batch);
  // Whether there is anything to write.
  bool empty() const { return sql_.empty() && published_.empty() && notes_.empty(); }
  // One attempt. What an error means for the outcome is as of Session::Commit.
  absl::Status Write();
  // The planned batch is durable: `segments` hear about it.
  void Committed();

 private:
  struct Published {
    MessageId id;
    const Record* record = nullptr;
    uint64_t bytes = 0;  // of its row, once written
  };
  struct Note {
    SegmentNumber segment = 0;
    const Record* record = nullptr;
    int64_t sequence = 0;
  };

  // Earlier in the batch.
  bool IsPublished(MessageId message) const;
  void PlanNote(const Record& record, MessageId message);
  bool IsSmall() const;
  // Where rows go, with the columns' names. REQUIRES: there are such rows.
  std::string MessageTable() const;
  std::string NoteTable() const;
  absl::Status WriteByCopy();
  absl::Status WriteByPipeline();
  absl::Status CopyMessages();
  void CopyNotes();
  // Calls `row_done` after each row.
  template <typename RowDone>
  void MakeNoteRows(CopyWriter& out, const RowDone& row_done);
  void Send();

  Session& session_;
  Segments& segments_;
  MessageRowWriter rows_;
  int64_t last_sequence_;  // of notes; grows over restarts
  // The plan:
  std::string sql_;
  std::vector<Published> published_;
  bool in_order_ = true;  // ids of published_ ascend, as they do
  std::vector<Note> notes_;
  bool small_ = false;  // it goes by pipeline
  // Rows that haven't been sent yet.
  CopyBuffer buffer_;
  std::vector<MessageId> gone_;  // scratch
};

}  // namespace warren::storage
